/* children.h - one child process for each connection. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <stdbool.h>
#include <sys/socket.h>

#include "webroot.h"

struct children {
    int running;
    int max;
    int next_listener; /* during a move to another address, else -1: a child closes it, too */
};

/* Takes the next client from the accept queue and forks a child that serves it. With max children
 * running, or if fork() fails, the client gets a 503. Returns whether there was a client. */
bool serve_next(struct children *children, int listener, const struct webroot *root);

/* Reaps every child that has ended. See waitpid(2). */
void reap_children(struct children *children);

/* Serves those who are in the accept queue by now, and waits for nobody else. */
void serve_queue(struct children *children, int listener, const struct webroot *root);

/* Waits until all children have ended. */
void wait_for_children(struct children *children);

#endif
