/* children.h - one child process for each transfer. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <sys/types.h>

#include "packet.h"
#include "webroot.h"

enum { CHILDREN_MAX = 10000 };

struct children {
    int running;
    int max;                  /* CHILDREN_MAX at the most */
    pid_t pids[CHILDREN_MAX]; /* of those that run */
};

/* Takes the next request from the receiver and forks a child that serves it, from a socket at own.
 * With max children running, or if fork() fails, the client gets an ERROR. */
void serve_next(struct children *children, int receiver, const struct place *own,
                const struct webroot *root);

/* Reaps every child that has ended, strangers too, but counts only our own: whoever became us by
 * exec() may have had some, and process 1 adopts orphans. See waitpid(2). */
void reap_children(struct children *children);

/* Waits until all of our own children have ended. */
void wait_for_children(struct children *children);

#endif
