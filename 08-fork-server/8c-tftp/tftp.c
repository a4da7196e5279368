/* tftp [-a ADDRESS] [-p PORT] [-c MAX] [WEBROOT]
 *
 * Sends files by TFTP, RFC 1350, with a child process for each transfer. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "children.h"
#include "errors.h"
#include "listener.h"
#include "signals.h"
#include "transfer.h"
#include "webroot.h"

const char program[] = "tftp";

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: tftp [-a ADDRESS] [-p PORT] [-c MAX] [WEBROOT]\n");
    return 2;
}

/* Writes into path, which has size bytes, the name of the webroot that lies beside the program. */
static void find_webroot(char *path, size_t size, const char *called_as)
{
    const char *slash = strrchr(called_as, '/');
    int length = slash != NULL ? (int)(slash - called_as) + 1 : 0;

    snprintf(path, size, "%.*swebroot", length, called_as);
}

int main(int argc, char *argv[])
{
    const char *host = "127.0.0.1", *port_text = "6969", *max_text = "256";
    char folder[PATH_MAX];
    struct place own;
    struct webroot root;
    struct children children = {0};

    opterr = 0; /* we say it ourselves */
    for (int option; (option = getopt(argc, argv, "a:c:p:")) != -1;) {
        if (option == 'a')
            host = optarg;
        else if (option == 'c')
            max_text = optarg;
        else if (option == 'p')
            port_text = optarg;
        else
            return usage(optopt == '-' ? argv[optind] : (char[]){'-', (char)optopt, '\0'},
                         "no such option, or its value is missing");
    }
    if (argc > optind + 1)
        return usage(argv[optind + 1], "one argument too many");
    int port = parse_number(port_text, MAX_PORT);
    if (port < 0)
        return usage(port_text, "not a port, a whole number from 0 to 65535");
    own.length = parse_address(host, port, &own.address);
    if (own.length == 0)
        return usage(host, "not an IPv4 or IPv6 address");
    children.max = parse_number(max_text, CHILDREN_MAX);
    if (children.max < 1)
        return usage(max_text, "not a number of children from 1 to 10000");
    find_webroot(folder, sizeof folder, argv[0]);

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    if (catch_signals() < 0)
        return 1;
    if (open_webroot(&root, argc > optind ? argv[optind] : folder) < 0)
        return 1;
    int receiver = open_receiver(&own);
    if (receiver < 0 || print_listening(receiver) < 0)
        return 1;
    parse_address(host, 0, &own.address); /* a transfer's socket has the address, and a new port */
    while (!stop_requested) {
        bool client_waits = wait_for_client(receiver);

        reap_children(&children);
        if (client_waits)
            serve_next(&children, receiver, &own, &root);
    }
    close(receiver); /* whoever asks now will ask again, and not us */
    wait_for_children(&children);
    return 0;
}
