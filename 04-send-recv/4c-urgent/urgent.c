/* urgent [PORT [ADDRESS]]
 * urgent -c ADDRESS PORT BEFORE URGENT AFTER
 *
 * Prints what each client sends, its urgent byte ahead of all that is not read yet, and where that
 * byte stood. With -c it is the client. */
#define _POSIX_C_SOURCE 200809L

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "connection.h"
#include "errors.h"
#include "io.h"
#include "listener.h"

const char program[] = "urgent";

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: urgent [PORT [ADDRESS]]\n"
                    "       urgent -c ADDRESS PORT BEFORE URGENT AFTER\n");
    return 2;
}

/* Takes the urgent byte, and prints it. Returns 1; or 0, if there is none after all; or -1 with
 * errno. */
static int take_urgent(int client)
{
    unsigned char byte;
    ssize_t received = recv(client, &byte, 1, MSG_OOB);

    if (received == 1 && printf("urgent: 0x%02x\n", byte) < 0)
        report("stdout");
    if (received < 0 && errno != EINTR && errno != EAGAIN && errno != EINVAL)
        return -1;
    return received == 1;
}

/* Receives what is there, up to the mark, and prints it. Returns its size, 0 at the end, or -1 with
 * errno. */
static ssize_t take_rest(int client)
{
    char text[4096];
    ssize_t received = recv(client, text, sizeof text, 0);

    for (ssize_t i = 0; i < received; i++)
        if (!isprint((unsigned char)text[i]))
            text[i] = '.';
    if (received > 0 && printf("%zd bytes: %.*s\n", received, (int)received, text) < 0)
        report("stdout");
    return received;
}

/* Prints what a client sends, until it has nothing more to say. Returns 0, or -1 after a report. */
static int serve_client(int client, const char *peer)
{
    struct pollfd arrival = {.fd = client, .events = POLLIN | POLLPRI};
    unsigned long before = 0; /* bytes so far that were not urgent */
    int is_marked = 0;        /* an urgent byte stands further on, or here */

    for (;;) {
        if (is_marked && sockatmark(client) == 1) {
            is_marked = 0;
            if (printf("mark: after %lu bytes\n", before) < 0)
                report("stdout");
        }
        if (poll(&arrival, 1, -1) < 0) {
            if (errno != EINTR)
                return report("poll");
            continue;
        }
        if (arrival.revents & POLLPRI) { /* first of all, though it has come last */
            int taken = take_urgent(client);

            if (taken < 0)
                return report("recv from %s", peer);
            is_marked = is_marked || taken;
        } else if (arrival.revents != 0) {
            ssize_t received = take_rest(client);

            if (received == 0)
                return 0;
            if (received > 0)
                before += (unsigned long)received;
            else if (errno != EINTR)
                return report("recv from %s", peer);
        }
    }
}

/* Connects to this address, and sends the three texts, the second as urgent: that is its last byte.
 * Returns 0, or -1 after a report. */
static int send_texts(const struct sockaddr *address, socklen_t length, char *texts[])
{
    int server = socket(address->sa_family, SOCK_STREAM, 0), result = 0;
    ssize_t sent = -1;

    if (server < 0)
        return report("socket");
    if (connect(server, address, length) < 0) {
        result = report("connect");
    } else if (send_all(server, texts[0], strlen(texts[0])) == 0) {
        do
            sent = send(server, texts[1], strlen(texts[1]), MSG_OOB);
        while (sent < 0 && errno == EINTR);
    }
    if (result == 0 && (sent < 0 || send_all(server, texts[2], strlen(texts[2])) < 0))
        result = report("send");
    close(server);
    return result;
}

int main(int argc, char *argv[])
{
    int is_client = argc > 1 && strcmp(argv[1], "-c") == 0;
    struct sockaddr_storage address;

    if (is_client && argc != 7)
        return usage("-c", "it needs ADDRESS, PORT, BEFORE, URGENT and AFTER");
    if (is_client && argv[5][0] == '\0')
        return usage("URGENT", "it needs a byte at the least");
    if (!is_client && argc > 3)
        return usage(argv[3], "one argument too many");
    const char *port_text = is_client ? argv[3] : argc > 1 ? argv[1] : "7890";
    const char *host = is_client ? argv[2] : argc > 2 ? argv[2] : "127.0.0.1";
    int port = parse_number(port_text, MAX_PORT);
    if (port < 0)
        return usage(port_text, "not a port, a whole number from 0 to 65535");
    socklen_t length = parse_address(host, port, &address);
    if (length == 0)
        return usage(host, "not an IPv4 or IPv6 address");

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    /* A client that has left, or a file at its limit, is not to end us. */
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGXFSZ, &ignore, NULL) < 0) {
        report("sigaction");
        return 1;
    }

    if (is_client)
        return send_texts((struct sockaddr *)&address, length, argv + 4) < 0;
    int listener = open_listener((struct sockaddr *)&address, length);
    if (listener < 0 || print_listening(listener) < 0)
        return 1;
    for (;;) {
        struct sockaddr_storage peer;
        char peer_text[ADDRESS_TEXT_SIZE];
        int client = accept_connection(listener, &peer);

        if (client < 0)
            continue;
        address_text((struct sockaddr *)&peer, peer_text);
        serve_client(client, peer_text); /* whatever became of it, the next one waits */
        close(client);
    }
}
