#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "address.h"
#include "connect.h"
#include "errors.h"

/* connect() until it is done. A signal may interrupt the wait, but the handshake goes on in the
 * kernel: to ask again is to wait again (EALREADY while it lasts, EISCONN once it is done). */
static int connect_fully(int descriptor, const struct sockaddr *address, socklen_t length)
{
    struct pollfd connected = {.fd = descriptor, .events = POLLOUT};

    while (connect(descriptor, address, length) < 0) {
        if (errno == EISCONN)
            return 0;
        if (errno == EALREADY && poll(&connected, 1, -1) >= 0)
            continue;
        if (errno != EINTR)
            return -1;
    }
    return 0;
}

int open_connection(const struct sockaddr *address, socklen_t length)
{
    char text[ADDRESS_TEXT_SIZE];
    int descriptor = socket(address->sa_family, SOCK_STREAM, 0);

    if (descriptor < 0)
        return report("socket");
    if (connect_fully(descriptor, address, length) < 0) {
        report("connect %s", address_text(address, text));
        close(descriptor); /* after a failed connect() a socket is of no more use */
        return -1;
    }
    return descriptor;
}
