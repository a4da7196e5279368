/* tls-termination [-n] [-c FILE]
 *
 * The web server as a daemon, behind a proxy that speaks TLS with the clients, and tells who they
 * are. SIGHUP: read FILE again. SIGTERM: finish, and end. */
#define _XOPEN_SOURCE 700 /* POSIX, with realpath() */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "children.h"
#include "config.h"
#include "detach.h"
#include "errors.h"
#include "listener.h"
#include "log.h"
#include "pidfile.h"
#include "proxy.h"
#include "signals.h"
#include "user.h"
#include "webroot.h"

const char program[] = "tls-termination";

struct server {
    int listener;
    int pidfile;
    struct children children;
    struct webroot root;
    struct config config;
    char config_path[PATH_MAX]; /* absolute: we will not stay in this folder */
};

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: tls-termination [-n] [-c FILE]\n");
    return 2;
}

/* Writes into path, which has PATH_MAX bytes, the name of the configuration that lies beside the
 * program. */
static void find_config(char *path, const char *called_as)
{
    const char *slash = strrchr(called_as, '/');
    int length = slash != NULL ? (int)(slash - called_as) + 1 : 0;

    snprintf(path, PATH_MAX, "%.*sdaemon.conf", length, called_as);
}

/* Does all that may fail, while there still is somebody to tell. Returns 0, or -1 after a report.
 */
static int start(struct server *server)
{
    const struct config *config = &server->config;

    server->children.max = config->max_children;
    if (open_webroot(&server->root, config->webroot) < 0)
        return -1;
    if (config->pidfile[0] != '\0' && (server->pidfile = lock_pidfile(config->pidfile)) < 0)
        return -1;
    server->listener =
        open_listener((const struct sockaddr *)&config->address, config->address_length);
    if (server->listener < 0)
        return -1;
    /* Last: a port below 1024 and a pid file in /run are for root only. */
    if (config->user[0] != '\0' && become_user(config->user) < 0)
        return -1;
    trust_proxy(&config->proxy);
    return print_listening(server->listener);
}

/* Moves to another address: opens the new listener before it leaves the old one. Returns 0, or -1
 * after a report. */
static int move_listener(struct server *server, const struct config *config)
{
    int listener = open_listener((const struct sockaddr *)&config->address, config->address_length);

    if (listener < 0)
        return -1;
    /* Those in the old queue came in time: they are still served. */
    server->children.next_listener = listener;
    serve_queue(&server->children, server->listener, &server->root);
    server->children.next_listener = -1;
    close(server->listener);
    server->listener = listener;
    return 0;
}

/* Takes a new configuration over, for new connections; or, if anything in it fails, keeps the old.
 */
static int reload(struct server *server)
{
    struct config *old = &server->config, config;
    struct webroot root;

    if (read_config(server->config_path, &config) < 0 || open_webroot(&root, config.webroot) < 0)
        return -1;
    if (memcmp(&config.address, &old->address, sizeof config.address) != 0 &&
        move_listener(server, &config) < 0) {
        close(root.directory);
        return -1;
    }
    if (strcmp(config.user, old->user) != 0 || strcmp(config.pidfile, old->pidfile) != 0)
        log_message(LOG_WARNING, "user and pidfile take effect at the next start");
    strcpy(config.user, old->user);
    strcpy(config.pidfile, old->pidfile);
    trust_proxy(&config.proxy);
    close(server->root.directory);
    server->root = root;
    server->children.max = config.max_children;
    *old = config;
    return 0;
}

/* Serves until SIGTERM, then lets those who are connected finish. */
static void run(struct server *server)
{
    while (!stop_requested) {
        bool client_waits = wait_for_client(server->listener);

        reap_children(&server->children);
        if (client_waits)
            serve_next(&server->children, server->listener, &server->root);
        if (reload_requested) {
            reload_requested = 0; /* before we read: a signal from now on means to read once more */
            if (reload(server) < 0)
                log_message(LOG_ERR, "configuration not changed");
            else
                log_message(LOG_NOTICE, "configuration changed");
        }
    }
    serve_queue(&server->children, server->listener, &server->root);
    close(server->listener);
    wait_for_children(&server->children);
}

int main(int argc, char *argv[])
{
    struct server server = {.listener = -1, .pidfile = -1, .children.next_listener = -1};
    bool foreground = false;
    char default_file[PATH_MAX];
    const char *file = default_file;
    int ready = -1;

    if (clean_descriptors() < 0)
        return 1;
    find_config(default_file, argv[0]);
    opterr = 0; /* we say it ourselves */
    for (int option; (option = getopt(argc, argv, "c:n")) != -1;) {
        if (option == 'c')
            file = optarg;
        else if (option == 'n')
            foreground = true;
        else
            return usage(optopt == '-' ? argv[optind] : (char[]){'-', (char)optopt, '\0'},
                         "no such option, or its value is missing");
    }
    if (argc > optind)
        return usage(argv[optind], "one argument too many");
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);

    if (realpath(file, server.config_path) == NULL) {
        report("configuration %s", file);
        return 1;
    }
    if (read_config(server.config_path, &server.config) < 0)
        return 1;
    if (!foreground && (ready = detach()) < 0)
        return 1;
    if (catch_signals() < 0) /* only now: Ctrl-C still ends the process that waits for the daemon */
        return 1;

    tzset(); /* reads the time zone now: else each child would, for its Date header */
    int result = start(&server);
    if (result == 0 && !foreground && (result = finish_detaching(ready)) == 0)
        log_to_syslog(); /* from here on: until now, what fails is said on the terminal */
    if (result == 0) {
        log_message(LOG_NOTICE, "started");
        run(&server);
        log_message(LOG_NOTICE, "stopped");
    }
    if (server.pidfile >= 0)
        remove_pidfile(server.config.pidfile, server.pidfile);
    return result < 0 ? 1 : 0;
}
