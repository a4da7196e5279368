/* connection.h - taking the next client from the accept queue. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <sys/socket.h>

/* Waits for a client and takes its connection; peer becomes the client's address.
 *
 * Returns the descriptor of the connection, or -1 if there is none this time and the caller may try
 * again: a signal came (EINTR), the client has left (ECONNABORTED, EAGAIN), or something ran out
 * (EMFILE, ENFILE, ENOMEM), which is reported and waited on for a moment. An error that trying
 * again cannot mend ends the program. See accept(2). */
int accept_connection(int listener, struct sockaddr_storage *peer);

#endif
