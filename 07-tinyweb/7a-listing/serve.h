/* serve.h - one connection, from the request to the end. */
#ifndef SERVE_H
#define SERVE_H

#include <sys/socket.h>
#include <sys/stat.h>

#include "request.h"
#include "webroot.h"

/* Opens what the request names, and fills info: a file; or, where its path ends in '/', the
 * index.html in there, and then its name follows in the path; or else the folder. Sets status to
 * 200 and returns a descriptor, or sets another status and returns -1. */
int open_file(struct request *request, const struct webroot *root, struct stat *info, int *status);

/* Reads one request from client, answers it with a file of the webroot or an error, closes the
 * connection, and logs what was asked and answered. */
void serve_client(int client, const struct sockaddr *peer, const struct webroot *root);

#endif
