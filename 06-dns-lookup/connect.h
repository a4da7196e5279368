/* connect.h - the client's way to a connection. */
#ifndef CONNECT_H
#define CONNECT_H

#include <sys/socket.h>

/* Opens a connection to address. Returns its descriptor, or -1 after a report.
 * See connect(2). */
int open_connection(const struct sockaddr *address, socklen_t length);

#endif
