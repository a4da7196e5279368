/* listing [-a ADDRESS] [-p PORT] [WEBROOT]
 *
 * A web server: HTTP/1.0, GET and HEAD, the files of one folder, and pages that show what is in it.
 * One client after another. */
#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "connection.h"
#include "errors.h"
#include "listener.h"
#include "serve.h"
#include "webroot.h"

const char program[] = "listing";

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: listing [-a ADDRESS] [-p PORT] [WEBROOT]\n");
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
    const char *host = "127.0.0.1", *port_text = "8080";
    char folder[PATH_MAX];
    struct sockaddr_storage address;
    struct webroot root;

    opterr = 0; /* we say it ourselves */
    for (int option; (option = getopt(argc, argv, "a:p:")) != -1;) {
        if (option == 'a')
            host = optarg;
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
    find_webroot(folder, sizeof folder, argv[0]);

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    /* Process 1, as in a container, gets the children of all who die. With SIGCHLD ignored they
     * leave no zombies. */
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGXFSZ, &ignore, NULL) < 0 ||
        sigaction(SIGCHLD, &ignore, NULL) < 0) {
        report("sigaction");
        return 1;
    }
    if (open_webroot(&root, argc > optind ? argv[optind] : folder) < 0)
        return 1;
    int listener = open_listener((struct sockaddr *)&address, length);
    if (listener < 0 || print_listening(listener) < 0)
        return 1;
    for (;;) {
        struct sockaddr_storage peer;
        int client = accept_connection(listener, &peer);

        if (client >= 0)
            serve_client(client, (struct sockaddr *)&peer, &root);
    }
}
