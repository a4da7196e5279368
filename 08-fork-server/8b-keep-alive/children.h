/* children.h - one child process for each connection. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "webroot.h"

enum { CHILDREN_MAX = 10000 };

struct children {
    int running;
    int max;                  /* CHILDREN_MAX at the most */
    int stop[2];              /* a pipe, which tells the children of SIGTERM by its end */
    pid_t pids[CHILDREN_MAX]; /* of those that run */
};

/* Takes the next client from the accept queue and forks a child that serves it. With max children
 * running, or if fork() fails, the client gets a 503. Returns whether there was a client. */
bool serve_next(struct children *children, int listener, const struct webroot *root);

/* Reaps every child that has ended, strangers too, but counts only our own: whoever became us by
 * exec() may have had some, and process 1 adopts orphans. See waitpid(2). */
void reap_children(struct children *children);

/* Serves those who are in the accept queue by now, and waits for nobody else. */
void serve_queue(struct children *children, int listener, const struct webroot *root);

/* Waits until all of our own children have ended. */
void wait_for_children(struct children *children);

#endif
