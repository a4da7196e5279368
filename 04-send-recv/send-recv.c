/* send-recv [PORT [ADDRESS]]
 *
 * Greets each client, shows every byte it sends, and sends the same bytes back. One client after
 * another. */
#define _POSIX_C_SOURCE 200809L

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "address.h"
#include "connection.h"
#include "errors.h"
#include "io.h"
#include "listener.h"

const char program[] = "send-recv";

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: send-recv [PORT [ADDRESS]]\n");
    return 2;
}

/* Prints data as `hexdump -C` does: offset, the bytes in hex, and the ASCII among them. Returns 0,
 * or -1 with errno. */
static int print_hexdump(const unsigned char *data, size_t size)
{
    for (size_t offset = 0; offset < size; offset += 16) {
        char hex[16 * 3 + 2] = "";
        char ascii[16 + 1] = "";
        size_t length = 0;

        for (size_t i = 0; i < 16 && offset + i < size; i++) {
            unsigned char byte = data[offset + i];

            length += (size_t)snprintf(hex + length, sizeof hex - length,
                                       i == 8 ? "  %02x" : " %02x", byte);
            ascii[i] = isprint(byte) ? (char)byte : '.';
        }
        if (printf("%08zx %-49s  |%s|\n", offset, hex, ascii) < 0)
            return -1;
    }
    return 0;
}

/* Greets a client, then echoes what it sends until it has nothing more to say. Returns 0, or -1
 * after a report. */
static int serve_client(int client, const char *peer, unsigned long visitor)
{
    unsigned char buffer[4096];
    int on = 1, length = snprintf((char *)buffer, sizeof buffer,
                                  "Hello, world! You are visitor %lu.\n", visitor);

    /* The kernel holds back a small piece while the one before it is not acknowledged, and the
     * client may take 40 ms or more for that. We answer at once. */
    if (setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        return report("setsockopt TCP_NODELAY");
    if (send_all(client, buffer, (size_t)length) < 0)
        return report("send to %s", peer);
    for (;;) {
        /* TCP has no messages: recv() gives what is there, half a line or three lines. */
        ssize_t received = recv(client, buffer, sizeof buffer, 0);

        if (received == 0) /* the client has ended its side */
            return 0;
        if (received < 0 && errno == EINTR)
            continue;
        if (received < 0)
            return report("recv from %s", peer);
        if (printf("bytes received: %zd\n", received) < 0 ||
            print_hexdump(buffer, (size_t)received) < 0)
            report("stdout");
        if (send_all(client, buffer, (size_t)received) < 0)
            return report("send to %s", peer);
    }
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

    int listener = open_listener((struct sockaddr *)&address, length);
    if (listener < 0 || print_listening(listener) < 0)
        return 1;
    for (unsigned long visitors = 0;;) {
        struct sockaddr_storage peer;
        char peer_text[ADDRESS_TEXT_SIZE];
        int client = accept_connection(listener, &peer);

        if (client < 0)
            continue;
        if (printf("connection %lu from %s\n", ++visitors,
                   address_text((struct sockaddr *)&peer, peer_text)) < 0)
            report("stdout");
        serve_client(client, peer_text, visitors); /* whatever became of it, the next one waits */
        close(client);
    }
}
