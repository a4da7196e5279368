#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "address.h"
#include "errors.h"
#include "listener.h"

int open_listener(const struct sockaddr *address, socklen_t length)
{
    char text[ADDRESS_TEXT_SIZE];
    int on = 1;
    int listener = socket(address->sa_family, SOCK_STREAM, 0);

    if (listener < 0)
        return report("socket");
    /* If the shell has closed one of the three, the socket has got its number: what is meant for
     * our terminal would go to a client. */
    if (listener <= STDERR_FILENO) {
        close(listener);
        errno = EBADF;
        return report("descriptor %d", listener);
    }
    /* Without SO_REUSEADDR the port stays taken for a minute after our connections close
     * (TIME_WAIT), and a restart would fail with EADDRINUSE. */
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        report("setsockopt SO_REUSEADDR");
    else if (fcntl(listener, F_SETFL, O_NONBLOCK) < 0)
        report("fcntl O_NONBLOCK");
    else if (bind(listener, address, length) < 0)
        report("bind %s", address_text(address, text));
    else if (listen(listener, SOMAXCONN) < 0) /* a long backlog; the kernel has its own limit */
        report("listen on %s", address_text(address, text));
    else
        return listener;
    close(listener);
    return -1;
}

int print_listening(int listener)
{
    struct sockaddr_storage local;
    socklen_t length = sizeof local;
    char text[ADDRESS_TEXT_SIZE];

    if (getsockname(listener, (struct sockaddr *)&local, &length) < 0)
        return report("getsockname");
    if (printf("listening on %s\n", address_text((struct sockaddr *)&local, text)) < 0)
        return report("stdout");
    return 0;
}
