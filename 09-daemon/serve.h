/* serve.h - one connection, from the request to the end. */
#ifndef SERVE_H
#define SERVE_H

#include <sys/socket.h>

#include "webroot.h"

/* Reads one request from client, answers it with a file of the webroot or an error, closes the
 * connection, and logs what was asked and answered. */
void serve_client(int client, const struct sockaddr *peer, const struct webroot *root);

#endif
