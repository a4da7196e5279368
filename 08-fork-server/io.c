#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <sys/socket.h>

#include "io.h"

int send_all(int descriptor, const void *data, size_t size)
{
    const char *next = data;
    int waits = 0; /* in vain, in a row */

    while (size > 0) {
        ssize_t sent = send(descriptor, next, size, 0);

        if (sent >= 0) { /* a short count is no error: go on where it stopped */
            next += sent;
            size -= (size_t)sent;
            waits = 0;
        } else if (errno == EAGAIN) { /* SO_SNDTIMEO is over: is there room by now? */
            if (++waits == STALL_SECONDS)
                return -1;
        } else if (errno != EINTR) { /* a signal before the first byte: just try again */
            return -1;
        }
    }
    return 0;
}
