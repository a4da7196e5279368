/* log.h - the log: on the terminal, or in the system's log. */
#ifndef LOG_H
#define LOG_H

#include <stddef.h>
#include <sys/socket.h>
#include <syslog.h>

/* From now on all messages go to syslog(3). Before, they go to stdout, and those of LOG_WARNING and
 * worse to stderr. */
void log_to_syslog(void);

/* Logs a message, at most 2000 bytes of it; priority is LOG_ERR, LOG_WARNING, LOG_NOTICE or
 * LOG_INFO. */
void log_message(int priority, const char *format, ...);

/* Copies text into to, which has size bytes, 5 at least, cut to what fits; all but plain ASCII, and
 * " and \, becomes \xHH. */
void escape(char *to, size_t size, const char *text);

/* Logs who asked for what (the request line as it came), the answer's status and its body's length
 * in bytes. What a client sends cannot forge a second line or steer a terminal: it is escaped. */
void log_request(const struct sockaddr *peer, const char *line, int status, long long bytes);

#endif
