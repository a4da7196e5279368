#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <unistd.h>

#include "address.h"
#include "errors.h"
#include "log.h"

/* Copies text, cut to what fits, and escapes what is not plain. size is at least 5. */
static void escape(char *to, size_t size, const char *text)
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

void log_transfer(const struct sockaddr *peer, const char *name, const char *status,
                  long long bytes)
{
    char who[ADDRESS_TEXT_SIZE], what[1024], text[1200];

    escape(what, sizeof what, name);
    int length = snprintf(text, sizeof text, "%s \"%s\" %s %lld\n", address_text(peer, who), what,
                          status, bytes);
    /* One write() for the line: then lines of several processes do not mix. (In a pipe POSIX
     * promises that up to PIPE_BUF bytes, which are 4,096 on Linux and 512 on macOS.) */
    if (write(STDOUT_FILENO, text, (size_t)length) < 0)
        report("write to the log");
}
