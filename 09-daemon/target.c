#define _POSIX_C_SOURCE 200809L

#include <string.h>
#include <strings.h>

#include "target.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes the %XX of a path, once, into path, which has room. RFC 3986, 2.1. Returns false on a bad
 * escape, and on %00, which would end the string early. */
static bool decode(const char *text, size_t length, char *path)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (c == '%') {
            int high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < length ? hex_digit(text[i + 2]) : -1;

            c = (char)(high * 16 + low);
            if (high < 0 || low < 0 || c == '\0')
                return false;
            i += 2;
        }
        *path++ = c;
    }
    *path = '\0';
    return true;
}

int parse_target(struct request *request, const char *target, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)target[i] <= ' ' || target[i] == 0x7f)
            return 400;
    if (strncasecmp(target, "http://", 7) == 0) {
        target += 7;
        if (strcspn(target, ":/?@ ") == 0 || target[strcspn(target, "/?@ ")] == '@')
            return 400; /* no host, or a user's name before it. RFC 9110, 4.2.1 and 4.2.4 */
        target += strcspn(target, "/? "); /* the host is us, whatever it is called */
    } else if (target[0] != '/') {
        return 400;
    }
    request->target = target;
    request->target_length = strcspn(target, "? ");
    if (request->target_length == 0) /* http://host means http://host/ */
        strcpy(request->path, "/");
    else if (!decode(target, request->target_length, request->path))
        return 400;
    return 200;
}
