#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "activation.h"
#include "address.h"
#include "errors.h"
#include "log.h"

enum { MAX_PID = 100000000 }; /* no system's process ids are larger */

/* Is descriptor a listening TCP socket? Then makes it ours. Returns 0, or -1 after a report. */
static int check_listener(int descriptor)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address, size = sizeof(int);
    int listens = 0;

    if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 ||
        getsockname(descriptor, (struct sockaddr *)&address, &length) < 0)
        return report("descriptor %d", descriptor);
    if (!listens || (address.ss_family != AF_INET && address.ss_family != AF_INET6)) {
        log_message(LOG_ERR, "descriptor %d: not a listening TCP socket", descriptor);
        return -1;
    }
    /* Others may take clients from this queue, too: accept() must not wait for one who has gone. */
    if (fcntl(descriptor, F_SETFL, O_NONBLOCK) < 0 || fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0)
        return report("fcntl %d", descriptor);
    return 0;
}

int take_listener(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    /* The environment goes on to all descendants, the descriptor perhaps not: so it names one. */
    bool is_for_us = pid != NULL && parse_number(pid, MAX_PID) == getpid();
    bool is_one = count != NULL && strcmp(count, "1") == 0;

    if (is_for_us && !is_one)
        log_message(LOG_ERR, "LISTEN_FDS: %s: not 1", count != NULL ? count : "missing");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    if (!is_for_us)
        return 0;
    return is_one && check_listener(FIRST_GIVEN) == 0 ? 1 : -1;
}

void notify_ready(void)
{
    static const char message[] = "READY=1";
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int notifier = -1;

    if (name == NULL)
        return;
    size_t length = strlen(name);
    errno = EINVAL;
    if (length <= sizeof address.sun_path && (name[0] == '/' || name[0] == '@')) {
        memcpy(address.sun_path, name, length);
        if (name[0] == '@') /* a name in no folder, which begins with a NUL byte (Linux) */
            address.sun_path[0] = '\0';
        notifier = socket(AF_UNIX, SOCK_DGRAM, 0);
    }
    if (notifier < 0 || sendto(notifier, message, strlen(message), 0, (struct sockaddr *)&address,
                               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
        report("NOTIFY_SOCKET %s", name);
    if (notifier >= 0)
        close(notifier);
    unsetenv("NOTIFY_SOCKET");
}
