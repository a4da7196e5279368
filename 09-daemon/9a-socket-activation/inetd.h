/* inetd.h - one connection, which somebody else has accepted. See inetd(8). */
#ifndef INETD_H
#define INETD_H

#include <sys/socket.h>

#include "config.h"

/* Takes the connection that descriptors 0 and 1 are, and its client's address. From now on these
 * two and stderr lead nowhere, and messages go to syslog(3). Returns a descriptor of the
 * connection, or -1 after a report. */
int take_connection(struct sockaddr_storage *peer);

/* Serves the connection as a child of the daemon does, with the webroot and the user of config.
 * Returns 0, or -1 after a report. */
int serve_connection(int client, const struct sockaddr *peer, const struct config *config);

#endif
