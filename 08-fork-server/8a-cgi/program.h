/* program.h - programs that answer requests: CGI, the Common Gateway Interface. RFC 3875. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <sys/socket.h>

#include "request.h"
#include "webroot.h"

/* How much of a decoded path names a program in /cgi-bin; 0 for other paths. */
size_t program_length(const char *path);

/* Runs the program that the path names, and sends what it writes. Returns the status; and sets
 * bytes to those of the body that were sent, or leaves it: nothing was sent yet. */
int run_program(struct reader *reader, const struct sockaddr *peer, struct request *request,
                const struct webroot *root, long long *bytes);
int file_status(int error); /* that of a file that open() or read() refuses */

#endif
