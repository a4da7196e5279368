/* listener.h - the socket that clients connect to. */
#ifndef LISTENER_H
#define LISTENER_H

#include <sys/socket.h>

/* Opens a socket that listens on address; port 0 lets the kernel choose a free port.
 * accept() on it never waits: where nobody is in the accept queue, it fails with EAGAIN.
 * Returns its descriptor, or -1 after a report. */
int open_listener(const struct sockaddr *address, socklen_t length);

/* Prints `listening on ADDRESS port PORT` with the address the kernel really gave.
 * Returns 0, or -1 after a report. */
int print_listening(int listener);

#endif
