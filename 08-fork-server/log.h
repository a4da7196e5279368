/* log.h - the log: one line for each request. */
#ifndef LOG_H
#define LOG_H

#include <sys/socket.h>

/* Logs who asked for what (the request line as it came), the answer's status and its body's length
 * in bytes. What a client sends cannot forge a second line or steer a terminal: all but plain ASCII
 * comes out as \xHH. */
void log_request(const struct sockaddr *peer, const char *line, int status, long long bytes);

#endif
