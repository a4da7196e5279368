#define _POSIX_C_SOURCE 200809L

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "errors.h"
#include "log.h"

/* syslog() keeps its connection behind the scenes, too: a log is one for the whole program. */
static bool to_syslog;

void log_to_syslog(void)
{
    openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
    to_syslog = true;
}

void log_message(int priority, const char *format, ...)
{
    bool is_trouble = priority <= LOG_WARNING; /* the lower the number, the worse */
    char line[2048];
    int length = is_trouble && !to_syslog ? snprintf(line, sizeof line, "%s: ", program) : 0;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line + length, sizeof line - (size_t)length - 1, format, arguments);
    va_end(arguments);
    if (to_syslog) {
        syslog(priority, "%s", line); /* never line as the format: a client's %n would be obeyed */
        return;
    }
    strcat(line, "\n"); /* there is room for it */
    /* One write() for the line: then lines of several processes do not mix. (In a pipe POSIX
     * promises that up to PIPE_BUF bytes, which are 4,096 on Linux and 512 on macOS.) */
    if (write(is_trouble ? STDERR_FILENO : STDOUT_FILENO, line, strlen(line)) < 0 && !is_trouble)
        report("write to the log"); /* on stderr: if that fails, where could we complain? */
}

void escape(char *to, size_t size, const char *text)
{
    size_t length = 0;

    for (; *text != '\0' && length + 5 <= size; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < ' ' || c > '~' || c == '"' || c == '\\')
            length += (size_t)snprintf(to + length, size - length, "\\x%02x", c);
        else
            to[length++] = (char)c;
    }
    to[length] = '\0';
}

void log_request(const struct sockaddr *peer, const char *line, int status, long long bytes)
{
    char who[ADDRESS_TEXT_SIZE], what[1024];

    escape(what, sizeof what, line);
    log_message(LOG_INFO, "%s \"%s\" %d %lld", address_text(peer, who), what, status, bytes);
}
