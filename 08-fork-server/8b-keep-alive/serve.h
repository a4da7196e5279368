/* serve.h - one connection, from the first request to the end. */
#ifndef SERVE_H
#define SERVE_H

#include <sys/socket.h>

#include "webroot.h"

/* Reads the requests that come from client, one after the other, answers each with a file of the
 * webroot or an error, and logs what was asked and answered; then closes the connection. An idle
 * one is closed, too, once stop, a pipe, has ended. */
void serve_client(int client, const struct sockaddr *peer, const struct webroot *root, int stop);

#endif
