#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "errors.h"

/* strerror() gives the text of an error but not its name, and the name is what you look up. */
#define NAMED(symbol)                                                                              \
    {                                                                                              \
        symbol, #symbol                                                                            \
    }

static const struct {
    int number;
    const char *name;
} errors[] = {
    NAMED(EPERM),           NAMED(ENOENT),       NAMED(ESRCH),
    NAMED(EINTR),           NAMED(EIO),          NAMED(ENXIO),
    NAMED(EBADF),           NAMED(ECHILD),       NAMED(EAGAIN),
    NAMED(ENOMEM),          NAMED(EACCES),       NAMED(EFAULT),
    NAMED(EBUSY),           NAMED(EEXIST),       NAMED(ENODEV),
    NAMED(ENOTDIR),         NAMED(EISDIR),       NAMED(EINVAL),
    NAMED(ENFILE),          NAMED(EMFILE),       NAMED(EFBIG),
    NAMED(ENOSPC),          NAMED(EROFS),        NAMED(EPIPE),
    NAMED(ENAMETOOLONG),    NAMED(ENOLCK),       NAMED(ENOSYS),
    NAMED(ELOOP),           NAMED(EPROTO),       NAMED(EBADMSG),
    NAMED(EOVERFLOW),       NAMED(ENOTSOCK),     NAMED(EDESTADDRREQ),
    NAMED(EMSGSIZE),        NAMED(EPROTOTYPE),   NAMED(ENOPROTOOPT),
    NAMED(EPROTONOSUPPORT), NAMED(EOPNOTSUPP),   NAMED(ESOCKTNOSUPPORT),
    NAMED(EADDRINUSE),      NAMED(EAFNOSUPPORT), NAMED(ENETDOWN),
    NAMED(EADDRNOTAVAIL),   NAMED(ENETUNREACH),  NAMED(ENETRESET),
    NAMED(ECONNABORTED),    NAMED(ECONNRESET),   NAMED(ENOBUFS),
    NAMED(EISCONN),         NAMED(ENOTCONN),     NAMED(ETIMEDOUT),
    NAMED(EHOSTDOWN),       NAMED(ECONNREFUSED), NAMED(EHOSTUNREACH),
    NAMED(EALREADY),        NAMED(EINPROGRESS),  NAMED(EDQUOT),
};

const char *errno_name(int number)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].number == number)
            return errors[i].name;
    return "unlisted";
}

int report(const char *format, ...)
{
    int number = errno; /* the calls below may change errno */
    char what[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s: %s: %s (%s)\n", program, what, strerror(number), errno_name(number));
    errno = number;
    return -1;
}
