#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "connection.h"
#include "errors.h"
#include "log.h"
#include "response.h"
#include "serve.h"

/* Answers 503. The request is in the way, or on it, and bytes left unread would reset the
 * connection under our answer; so take them, if they come within a moment. The parent has no more
 * time. */
static void refuse_client(int client, const struct sockaddr *peer)
{
    char unread[4096];
    struct pollfd readable = {.fd = client, .events = POLLIN};
    bool stays = false;
    long long bytes = send_status(client, NULL, 503, &stays);

    shutdown(client, SHUT_WR);
    for (int i = 0; i < 4 && poll(&readable, 1, 10) > 0; i++)
        if (recv(client, unread, sizeof unread, 0) <= 0)
            break;
    log_request(peer, "", 503, bytes);
}

bool serve_next(struct children *children, int listener, const struct webroot *root)
{
    struct sockaddr_storage peer;
    int client = accept_connection(listener, &peer);
    pid_t child = -1;

    if (client < 0)
        return false;
    if (children->running < children->max && (child = fork()) < 0)
        report("fork");
    if (child == 0) {
        close(listener);
        close(children->stop[1]); /* while a child has this one, too, the pipe has no end */
        if (fcntl(client, F_SETFL, 0) < 0) /* on BSD and macOS it has the listener's O_NONBLOCK */
            report("fcntl");
        serve_client(client, (struct sockaddr *)&peer, root, children->stop[0]);
        _exit(0); /* exit() would clean up what is the parent's, too */
    }
    if (child > 0)
        children->pids[children->running++] = child;
    else
        refuse_client(client, (struct sockaddr *)&peer);
    close(client); /* the child has its own; the connection ends when both are closed */
    return true;
}

/* Takes a child that has ended off the list, if it is one of ours. */
static void forget_child(struct children *children, pid_t child)
{
    for (int i = 0; i < children->running; i++)
        if (children->pids[i] == child) {
            children->pids[i] = children->pids[--children->running];
            return;
        }
}

void reap_children(struct children *children)
{
    pid_t child;

    /* Standard signals do not queue: one SIGCHLD may stand for many children. */
    while ((child = waitpid(-1, NULL, WNOHANG)) > 0)
        forget_child(children, child);
}

void serve_queue(struct children *children, int listener, const struct webroot *root)
{
    struct pollfd readable = {.fd = listener, .events = POLLIN};
    int failures = 0; /* in a row: out of descriptors accept() may fail for ever */

    /* Linux lets one more wait than the backlog says. */
    for (int i = 0; i <= SOMAXCONN && failures < 10 && poll(&readable, 1, 0) > 0; i++) {
        reap_children(children);
        failures = serve_next(children, listener, root) ? 0 : failures + 1;
    }
}

void wait_for_children(struct children *children)
{
    while (children->running > 0) {
        pid_t child = waitpid(-1, NULL, 0);

        if (child > 0)
            forget_child(children, child);
        else if (errno != EINTR)
            break;
    }
}
