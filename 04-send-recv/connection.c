#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "connection.h"
#include "errors.h"

int accept_connection(int listener, struct sockaddr_storage *peer)
{
    const struct timespec moment = {.tv_sec = 0, .tv_nsec = 100000000};
    socklen_t length = sizeof *peer;
    int client = accept(listener, (struct sockaddr *)peer, &length);

    if (client >= 0)
        return client;
    switch (errno) {
    case EINTR:        /* a signal woke us */
    case ECONNABORTED: /* the client gave up while it was in the queue */
    case EAGAIN:       /* there is no client after all */
        break;
    case EBADF: /* these four are mistakes of ours, not of any client */
    case EFAULT:
    case EINVAL:
    case ENOTSOCK:
        report("accept");
        exit(1);
    default: /* out of descriptors or memory: the client waits in the queue, and so must we */
        report("accept");
        nanosleep(&moment, NULL); /* or we would spin */
    }
    return -1;
}
