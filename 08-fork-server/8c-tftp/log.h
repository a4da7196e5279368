/* log.h - the log: one line for each transfer. */
#ifndef LOG_H
#define LOG_H

#include <sys/socket.h>

/* Logs who asked for what, how that ended, and how many bytes of it the client has. What a client
 * sends cannot forge a second line or steer a terminal: all but plain ASCII comes out as \xHH. */
void log_transfer(const struct sockaddr *peer, const char *name, const char *status,
                  long long bytes);

#endif
