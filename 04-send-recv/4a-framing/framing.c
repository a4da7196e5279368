/* framing [PORT [ADDRESS]]
 *
 * Answers PING and ECHO in Redis' protocol, in which each message says how long it is. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "address.h"
#include "connection.h"
#include "errors.h"
#include "io.h"
#include "listener.h"
#include "request.h"

const char program[] = "framing";

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: framing [PORT [ADDRESS]]\n");
    return 2;
}

static int is_named(const struct request *request, const char *name)
{
    size_t size = request->words[0].size;

    return size == strlen(name) && strncasecmp(request->words[0].text, name, size) == 0;
}

/* Sends a word as a bulk string: "$LEN\r\n", its bytes, "\r\n". Returns 0, or -1 with errno. */
static int send_bulk(int client, const struct word *word)
{
    char line[32];
    int length = snprintf(line, sizeof line, "$%zu\r\n", word->size);
    ssize_t sent;

    do /* MSG_MORE: the rest follows at once, and so this needs no packet of its own (Linux). */
        sent = send(client, line, (size_t)length, MSG_MORE);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 || send_all(client, line + sent, (size_t)(length - sent)) < 0)
        return -1;
    return send_all(client, word->text, word->size + 2); /* with the \r\n that it came with */
}

/* Answers a request. Returns 0, or -1 with errno. */
static int answer(int client, const struct request *request)
{
    const char *line = "-ERR unknown command\r\n";

    if (is_named(request, "PING") && request->count == 1) {
        line = "+PONG\r\n";
    } else if (is_named(request, "PING") || is_named(request, "ECHO")) {
        if (request->count == 2)
            return send_bulk(client, &request->words[1]);
        line = "-ERR wrong number of arguments\r\n";
    }
    return send_all(client, line, strlen(line));
}

/* Ends our side, and throws away what the client still sends, until it is silent for a second: to
 * close() with bytes unread is a reset, and may take our last answer away. */
static void hang_up(int client)
{
    struct pollfd arrival = {.fd = client, .events = POLLIN};
    char rest[4096];

    if (shutdown(client, SHUT_WR) < 0)
        return;
    /* MSG_DONTWAIT: take what is there. The waiting is for poll(), which has a limit. */
    while (poll(&arrival, 1, 1000) > 0 && recv(client, rest, sizeof rest, MSG_DONTWAIT) > 0)
        ;
}

/* Answers what a client asks, until it has nothing more to ask. Returns 0, or -1 after a report. */
static int serve_client(int client, const char *peer)
{
    const char *error = "-ERR Protocol error\r\n";
    struct request request = {.count = 0};
    int on = 1, result;

    /* An answer does not wait until the one before it is acknowledged. */
    if (setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        return report("setsockopt TCP_NODELAY for %s", peer);
    while ((result = read_request(client, &request)) > 0)
        if (answer(client, &request) < 0)
            return report("send to %s", peer);
    if (result == GONE)
        return errno == 0 ? 0 : report("recv from %s", peer);
    if (send_all(client, error, strlen(error)) < 0)
        return report("send to %s", peer);
    hang_up(client);
    return 0;
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

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    /* A client that has left, or a file at its limit, is not to end us. */
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGXFSZ, &ignore, NULL) < 0) {
        report("sigaction");
        return 1;
    }

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
