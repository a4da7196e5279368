#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "errors.h"
#include "log.h"
#include "transfer.h"

void serve_next(struct children *children, int receiver, const struct place *own,
                const struct webroot *root)
{
    struct packet request;
    struct place client;
    pid_t child = -1;
    ssize_t size = receive(receiver, &request, &client);

    if (size < 0 && errno != EAGAIN)
        poll(NULL, 0, 100); /* it may fail again at once: do not spin */
    if (size < 0 || ntohs(request.opcode) == ERROR)
        return; /* no answer to an ERROR: whoever sent it may be a server, too */
    if (children->running < children->max && (child = fork()) < 0)
        report("fork");
    if (child == 0) {
        close(receiver);
        serve_request(&request, (size_t)size, &client, own, root);
        _exit(0); /* exit() would clean up what is the parent's, too */
    }
    if (child > 0)
        children->pids[children->running++] = child;
    else
        log_transfer((struct sockaddr *)&client.address, "", send_error(receiver, &client, NO_ROOM),
                     0);
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
