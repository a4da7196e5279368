/* poll-server [PORT [ADDRESS]]
 *
 * Greets each client, and sends back what it sends. One process for all of them. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "errors.h"
#include "listener.h"

const char program[] = "poll-server";

enum { MOST = 4096, ROOM = 65536 }; /* so many clients, with so many bytes for each */

struct client {
    char peer[ADDRESS_TEXT_SIZE];
    bool ended;        /* no more will come from it */
    size_t start, end; /* buffer[start..end) has come, and is still to go back */
    char buffer[ROOM];
};

/* ends[0] is the listener, and ends[i] belongs to clients[i]. */
struct server {
    nfds_t count;
    struct pollfd ends[MOST];
    struct client *clients[MOST];
    unsigned long visitors;
    time_t refused; /* the second in which accept() has failed: the next client waits for another */
};

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: poll-server [PORT [ADDRESS]]\n");
    return 2;
}

/* Takes the next client, whose buffer begins with the greeting. */
static void welcome(struct server *server)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    int on = 1, descriptor = accept(server->ends[0].fd, (struct sockaddr *)&peer, &length);

    if (descriptor < 0) {
        if (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED) {
            report("accept");
            server->refused = time(NULL);
        }
        return;
    }
    struct client *client = malloc(sizeof *client);
    if (client == NULL || fcntl(descriptor, F_SETFL, O_NONBLOCK) < 0 ||
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) {
        report("a client");
        free(client);
        close(descriptor);
        return;
    }
    address_text((struct sockaddr *)&peer, client->peer);
    if (printf("connection %lu from %s\n", ++server->visitors, client->peer) < 0)
        report("stdout");
    client->ended = false;
    client->start = 0;
    client->end = (size_t)snprintf(client->buffer, ROOM, "Hello, world! You are visitor %lu.\n",
                                   server->visitors);
    server->ends[server->count] = (struct pollfd){.fd = descriptor};
    server->clients[server->count++] = client;
}

/* Says what to wait for: to read while there is room for more, to write while there is something to
 * send. Who does not read what is due to it is not read from, and has to wait itself. */
static short wanted(const struct client *client)
{
    size_t held = client->end - client->start;

    return (short)((!client->ended && held < ROOM ? POLLIN : 0) | (held > 0 ? POLLOUT : 0));
}

/* Receives once, if there is room, and sends once, if there is something. Returns whether the
 * client is to stay. */
static bool serve(const struct pollfd *end, struct client *client)
{
    if (end->revents != POLLOUT && wanted(client) & POLLIN) {
        memmove(client->buffer, client->buffer + client->start, client->end - client->start);
        client->end -= client->start;
        client->start = 0;
        ssize_t got = recv(end->fd, client->buffer + client->end, ROOM - client->end, 0);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return report("recv from %s", client->peer) == 0;
        client->ended = got == 0;
        client->end += got > 0 ? (size_t)got : 0;
    }
    if (wanted(client) & POLLOUT) {
        ssize_t sent =
            send(end->fd, client->buffer + client->start, client->end - client->start, 0);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return report("send to %s", client->peer) == 0;
        client->start += sent > 0 ? (size_t)sent : 0;
    }
    return !client->ended || client->start < client->end;
}

/* Waits until something can be done, and does it: once for each client, so that all get their
 * turn. */
static void serve_all(struct server *server)
{
    bool is_open = server->count < MOST && time(NULL) != server->refused;

    server->ends[0].events = is_open ? POLLIN : 0;
    for (nfds_t i = 1; i < server->count; i++)
        server->ends[i].events = wanted(server->clients[i]);
    if (poll(server->ends, server->count, is_open ? -1 : 1000) < 0) {
        if (errno != EINTR) {
            report("poll");
            nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL); /* do not spin */
        }
        return;
    }
    for (nfds_t i = server->count; --i > 0;) {
        if (server->ends[i].revents == 0 || serve(&server->ends[i], server->clients[i]))
            continue;
        close(server->ends[i].fd);
        free(server->clients[i]);
        server->ends[i] = server->ends[--server->count]; /* the last one takes its place */
        server->clients[i] = server->clients[server->count];
    }
    if (server->ends[0].revents != 0)
        welcome(server);
}

int main(int argc, char *argv[])
{
    const char *port_text = argc > 1 ? argv[1] : "7890";
    const char *host = argc > 2 ? argv[2] : "127.0.0.1"; /* only this machine can reach us */
    struct sockaddr_storage address;

    if (argc > 3)
        return usage(argv[3], "one argument too many");
    int port = parse_number(port_text, MAX_PORT);
    if (port < 0)
        return usage(port_text, "not a port, a whole number from 0 to 65535");
    socklen_t length = parse_address(host, port, &address);
    if (length == 0)
        return usage(host, "not an IPv4 or IPv6 address");

    /* A full buffer may never come: hand out each line as it is printed, also into a pipe. */
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);

    /* Sending to a client that has left raises SIGPIPE, and printing into a file at its limit
     * (ulimit -f) SIGXFSZ. Each would end us. Ignored, they leave the calls to fail with EPIPE and
     * EFBIG. */
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGXFSZ, &ignore, NULL) < 0) {
        report("sigaction");
        return 1;
    }

    struct server server = {.count = 1};
    int listener = open_listener((struct sockaddr *)&address, length);
    if (listener < 0 || print_listening(listener) < 0)
        return 1;
    /* A client may give up between poll() and accept(), which is not to wait for the next one. */
    if (fcntl(listener, F_SETFL, O_NONBLOCK) < 0) {
        report("fcntl O_NONBLOCK");
        return 1;
    }
    server.ends[0].fd = listener;
    for (;;)
        serve_all(&server);
}
