/* bind-listen [PORT [ADDRESS]]
 *
 * Gives a socket an address and opens it to clients. The kernel completes their handshakes and
 * queues them: they are connected, though nobody here ever accepts them. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <unistd.h>

#include "address.h"
#include "errors.h"
#include "listener.h"

const char program[] = "bind-listen";

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: bind-listen [PORT [ADDRESS]]\n");
    return 2;
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

    int listener = open_listener((struct sockaddr *)&address, length);
    if (listener < 0 || print_listening(listener) < 0)
        return 1;
    for (;;)
        pause(); /* until a signal such as Ctrl-C ends us */
}
