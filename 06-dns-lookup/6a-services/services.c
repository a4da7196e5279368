/* services [BASE [ADDRESS]]: the oldest services of the internet, by UDP and by TCP at once. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "connection.h"
#include "errors.h"
#include "listener.h"

const char program[] = "services";

enum { TIME, DAYTIME, ECHO, DISCARD, CHARGEN, SERVICES, SOCKETS = 2 * SERVICES };
static const char *const names[SERVICES] = {"time", "daytime", "echo", "discard", "chargen"};
enum { MAX_BASE = 60000, LONGEST = 65535, LINE = 74, CLIENTS = 200 };

struct client {
    int service;
    unsigned line;     /* of chargen's pattern, the next one */
    size_t start, end; /* buffer[start..end) is still to be sent */
    char buffer[50 * LINE];
};

static int usage(const char *bad)
{
    fprintf(stderr, "%s: wrong: %s\nusage: services [BASE [ADDRESS]]\n", program, bad);
    return 2;
}

/* Opens a service's socket, at its well-known port plus base, or, if base is 0, at any free one. */
static int open_service(const char *name, const char *protocol, int base, const char *host)
{
    const struct servent *service = base > 0 ? getservbyname(name, protocol) : NULL;
    int port = service != NULL ? base + ntohs((uint16_t)service->s_port) : 0;
    struct sockaddr_storage address;
    socklen_t length = parse_address(host, port, &address);

    errno = ENOENT; /* getservbyname() leaves it alone */
    if ((base > 0 && service == NULL) || port > MAX_PORT)
        return report("getservbyname %s %s", name, protocol);
    if (strcmp(protocol, "tcp") == 0)
        return open_listener((struct sockaddr *)&address, length);
    int receiver = socket(address.ss_family, SOCK_DGRAM, 0);
    if (receiver < 0 || bind(receiver, (struct sockaddr *)&address, length) < 0)
        return report("bind %s port %d", host, port);
    return receiver;
}

/* Opens the sockets of all services and says where they are. Returns 0, or -1 after a report. */
static int open_all(struct pollfd *sockets, int base, const char *host)
{
    for (int i = 0; i < SOCKETS; i++) {
        const char *protocol = i < SERVICES ? "udp" : "tcp";
        sockets[i].fd = open_service(names[i % SERVICES], protocol, base, host);
        if (sockets[i].fd < 0)
            return -1;
        sockets[i].events = POLLIN;
    }
    if (print_listening(sockets[0].fd) < 0)
        return -1;
    for (int i = 0; i < SOCKETS; i++) {
        struct sockaddr_storage local;
        socklen_t length = sizeof local;
        char text[ADDRESS_TEXT_SIZE];
        if (getsockname(sockets[i].fd, (struct sockaddr *)&local, &length) < 0)
            return report("getsockname");
        printf("%s %s %s\n", names[i % SERVICES], i < SERVICES ? "udp" : "tcp",
               address_text((struct sockaddr *)&local, text));
    }
    return fflush(stdout) == EOF ? report("stdout") : 0;
}

/* Writes what a service says by itself, LINE bytes at most. Returns its size. */
static size_t say(int service, unsigned line, char *text)
{
    time_t now = time(NULL);
    uint32_t since_1900 = htonl((uint32_t)(now + 2208988800)); /* the high byte first */

    if (service == DAYTIME)
        return strftime(text, LINE, "%d %b %Y %H:%M:%S UTC\r\n", gmtime(&now));
    if (service == TIME) {
        memcpy(text, &since_1900, sizeof since_1900);
        return sizeof since_1900;
    }
    for (unsigned i = 0; i < LINE - 2; i++)
        text[i] = (char)(' ' + (line + i) % 95); /* so many characters of ASCII show */
    text[LINE - 2] = '\r';
    text[LINE - 1] = '\n';
    return LINE;
}

/* Answers a datagram, but to no port of a service: the two might answer each other for ever. */
static void answer_datagram(int receiver, int service)
{
    static unsigned line;
    char buffer[LONGEST];
    struct sockaddr_storage sender = {0};
    socklen_t length = sizeof sender;
    ssize_t got = recvfrom(receiver, buffer, sizeof buffer, MSG_DONTWAIT,
                           (struct sockaddr *)&sender, &length);

    int port = ntohs(((struct sockaddr_in *)&sender)->sin_port); /* in IPv6's, it is there, too */
    if (got < 0)
        report("recvfrom");
    if (got < 0 || service == DISCARD || port < 1024)
        return;
    size_t size = service == ECHO ? (size_t)got : say(service, line++, buffer);
    if (sendto(receiver, buffer, size, MSG_DONTWAIT, (struct sockaddr *)&sender, length) < 0)
        report("sendto"); /* whoever it was may ask again */
}

/* Takes the next client of a service. What the service says by itself, it begins with. */
static int take_client(int listener, int service, struct client *client)
{
    struct sockaddr_storage peer;

    client->service = service;
    client->start = client->end = client->line = 0;
    if (service <= DAYTIME)
        client->end = say(service, 0, client->buffer);
    return accept_connection(listener, &peer);
}

/* Sends to a client, or receives, once and without waiting. Returns 0 when it has gone. */
static int serve(int descriptor, struct client *client)
{
    ssize_t moved;

    if (client->service == CHARGEN && client->start == client->end)
        for (client->start = client->end = 0; client->end < sizeof client->buffer;)
            client->end += say(CHARGEN, client->line++, client->buffer + client->end);
    if (client->start < client->end) {
        moved = send(descriptor, client->buffer + client->start, client->end - client->start,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
        client->start += moved > 0 ? (size_t)moved : 0;
        if (client->start == client->end && client->service <= DAYTIME) {
            shutdown(descriptor, SHUT_WR); /* that was all: wait for the client's end */
            client->service = DISCARD;
        }
    } else {
        moved = recv(descriptor, client->buffer, sizeof client->buffer, MSG_DONTWAIT);
        client->start = 0;
        client->end = client->service == ECHO && moved > 0 ? (size_t)moved : 0;
    }
    return moved > 0 || (moved < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Serves all sockets and clients for ever: each that is ready, once a round. */
static void serve_all(struct pollfd *sockets, struct client *clients)
{
    struct pollfd *ends = sockets + SOCKETS; /* the clients' */
    int count = 0;

    for (;;) {
        for (int i = SERVICES; i < SOCKETS;
             i++) /* without room for them, clients wait in the queue */
            sockets[i].events = count < CLIENTS ? POLLIN : 0;
        for (int i = 0; i < count; i++) {
            int sends = clients[i].service == CHARGEN || clients[i].start < clients[i].end;
            ends[i].events = sends ? POLLOUT : POLLIN;
        }
        if (poll(sockets, SOCKETS + (nfds_t)count, -1) < 0)
            continue; /* a signal */
        for (int i = count - 1; i >= 0; i--)
            if (ends[i].revents != 0 && !serve(ends[i].fd, &clients[i])) {
                close(ends[i].fd);
                ends[i] = ends[--count]; /* which was served already */
                clients[i] = clients[count];
            }
        for (int i = 0; i < SOCKETS; i++)
            if (i < SERVICES && sockets[i].revents != 0)
                answer_datagram(sockets[i].fd, i);
            else if (i >= SERVICES && count < CLIENTS && sockets[i].revents != 0) {
                ends[count].fd = take_client(sockets[i].fd, i - SERVICES, &clients[count]);
                count += ends[count].fd >= 0;
            }
    }
}

int main(int argc, char *argv[])
{
    static struct pollfd polled[SOCKETS + CLIENTS];
    static struct client clients[CLIENTS];
    struct sockaddr_storage address;
    const char *host = argc > 2 ? argv[2] : "127.0.0.1";
    int base = argc > 1 ? parse_number(argv[1], MAX_BASE) : 7000;

    if (argc > 3 || base < 0 || parse_address(host, 0, &address) == 0)
        return usage(argc > 3 ? argv[3] : base < 0 ? argv[1] : host);
    if (open_all(polled, base, host) < 0)
        return 1;
    serve_all(polled, clients);
}
