/* cgi [-a ADDRESS] [-p PORT] [-c MAX] [WEBROOT]
 *
 * The web server with a child process for each connection: a slow client delays nobody. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "children.h"
#include "errors.h"
#include "listener.h"
#include "signals.h"
#include "webroot.h"

const char program[] = "cgi";
extern char **environ;

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: cgi [-a ADDRESS] [-p PORT] [-c MAX] [WEBROOT]\n");
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
    const char *host = "127.0.0.1", *port_text = "8080", *max_text = "256";
    char folder[PATH_MAX];
    struct sockaddr_storage address;
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
    socklen_t length = parse_address(host, port, &address);
    if (length == 0)
        return usage(host, "not an IPv4 or IPv6 address");
    children.max = parse_number(max_text, CHILDREN_MAX);
    if (children.max < 1)
        return usage(max_text, "not a number of children from 1 to 10000");
    find_webroot(folder, sizeof folder, argv[0]);

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    if (catch_signals() < 0)
        return 1;
    environ = (char *[]){"PATH=/usr/local/bin:/usr/bin:/bin", NULL}; /* no more for programs */
    tzset(); /* reads the time zone now: else each child would, for its Date header */
    if (open_webroot(&root, argc > optind ? argv[optind] : folder) < 0)
        return 1;
    int listener = open_listener((struct sockaddr *)&address, length);
    if (listener < 0 || print_listening(listener) < 0)
        return 1;
    while (!stop_requested) {
        bool client_waits = wait_for_client(listener);

        reap_children(&children);
        if (client_waits)
            serve_next(&children, listener, &root);
    }
    /* Those in the queue are connected, and may have asked already: they are not forgotten. */
    serve_queue(&children, listener, &root);
    close(listener);
    wait_for_children(&children);
    return 0;
}
