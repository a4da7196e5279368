/* unix-socket PATH
 *
 * Waits at a path, for processes of this machine that may open it. Tells each who it is, as the
 * kernel says, and sends back what it sends. One client after another. */
#define _GNU_SOURCE /* for struct ucred, flock() and O_DIRECTORY */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "connection.h"
#include "errors.h"
#include "io.h"

const char program[] = "unix-socket";

/* What the handler of SIGTERM and SIGINT takes away: our file, and no other at its path. */
static struct sockaddr_un own = {.sun_family = AF_UNIX};
static struct stat own_file;

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\nusage: unix-socket PATH\n", program, input, problem);
    return 2;
}

static void remove_and_end(int number)
{
    struct stat now;

    if (lstat(own.sun_path, &now) == 0 && now.st_dev == own_file.st_dev &&
        now.st_ino == own_file.st_ino)
        unlink(own.sun_path);
    raise(number); /* now it ends us: SA_RESETHAND */
}

/* Sets what signals do. Returns 0, or -1 after a report. */
static int set_signals(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    const struct sigaction end = {.sa_handler = remove_and_end, .sa_flags = (int)SA_RESETHAND};
    sigset_t both;

    sigemptyset(&both);
    sigaddset(&both, SIGTERM);
    sigaddset(&both, SIGINT);
    if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGXFSZ, &ignore, NULL) < 0 ||
        sigaction(SIGTERM, &end, NULL) < 0 || sigaction(SIGINT, &end, NULL) < 0 ||
        sigprocmask(SIG_UNBLOCK, &both, NULL) < 0) /* whoever started us may have blocked them */
        return report("signals");
    return 0;
}

/* Locks the folder that our path is in: who starts beside us waits until we are done. The lock ends
 * with its descriptor, which is returned, or -1 after a report. */
static int lock_folder(void)
{
    struct sockaddr_un copy = own; /* dirname() writes into its argument */
    const char *name = dirname(copy.sun_path);
    int folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder < 0)
        return report("open %s", name);
    while (flock(folder, LOCK_EX) < 0)
        if (errno != EINTR) {
            report("flock %s", name);
            close(folder);
            return -1;
        }
    return folder;
}

/* Whether the file at our path is a socket that nobody listens on any more. If not, errno says why
 * it has to stay. */
static int is_stale(void)
{
    struct stat file;

    if (lstat(own.sun_path, &file) < 0)
        return 0;
    if (!S_ISSOCK(file.st_mode)) { /* connect() says ECONNREFUSED of any other file, too */
        errno = ENOTSOCK;
        return 0;
    }
    /* It must not wait: the queue of a live one may be full. */
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return 0;
    int error = connect(probe, (struct sockaddr *)&own, sizeof own) < 0 ? errno : EADDRINUSE;
    close(probe);
    errno = error == EAGAIN ? EADDRINUSE : error;
    return error == ECONNREFUSED;
}

/* Binds listener to our path, and listens. Returns 0, or -1 after a report. */
static int listen_here(int listener)
{
    const struct sockaddr *address = (struct sockaddr *)&own;
    int folder = lock_folder();

    if (folder < 0)
        return -1;
    /* The file's mode is 0777 less the umask, from its first moment on. chmod() would be late. */
    umask(0177);
    int result = bind(listener, address, sizeof own);
    if (result < 0 && errno == EADDRINUSE && is_stale() && unlink(own.sun_path) == 0)
        result = bind(listener, address, sizeof own);
    if (result < 0)
        report("bind %s", own.sun_path);
    else if ((result = listen(listener, SOMAXCONN)) < 0)
        report("listen on %s", own.sun_path);
    else if ((result = lstat(own.sun_path, &own_file)) < 0)
        report("lstat %s", own.sun_path);
    close(folder);
    return result;
}

/* Tells a client who it is, then echoes what it sends until it has nothing more to say. Returns 0,
 * or -1 after a report. */
static int serve_client(int client, unsigned long visitor)
{
    char buffer[4096];
    struct ucred peer;
    socklen_t length = sizeof peer;

    if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return report("getsockopt SO_PEERCRED");
    if (printf("connection %lu from process %d of user %u\n", visitor, peer.pid, peer.uid) < 0)
        report("stdout");
    int size =
        snprintf(buffer, sizeof buffer, "Hello, process %d of user %u!\n", peer.pid, peer.uid);
    for (ssize_t received = size; received != 0;) {
        if (received > 0 && send_all(client, buffer, (size_t)received) < 0)
            return report("send to process %d", peer.pid);
        received = recv(client, buffer, sizeof buffer, 0);
        if (received < 0 && errno != EINTR)
            return report("recv from process %d", peer.pid);
    }
    return 0;
}

int main(int argc, char *argv[])
{
    struct sockaddr_storage nameless; /* a client has no path of its own */

    if (argc != 2)
        return usage(argc < 2 ? "no PATH" : argv[2], "one PATH is wanted");
    if (*argv[1] == '\0' || strlen(argv[1]) >= sizeof own.sun_path)
        return usage(argv[1], "a PATH has 1 to 107 bytes");
    memcpy(own.sun_path, argv[1], strlen(argv[1])); /* zeros are behind it already */

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (listener <= STDERR_FILENO) {
        errno = listener < 0 ? errno : EBADF; /* one of the three is closed: that is its number */
        report("socket");
        return 1;
    }
    if (listen_here(listener) < 0 || set_signals() < 0)
        return 1;
    if (printf("listening on %s\n", own.sun_path) < 0) {
        report("stdout");
        return 1;
    }
    for (unsigned long visitors = 0;;) {
        int client = accept_connection(listener, &nameless);

        if (client < 0)
            continue;
        serve_client(client, ++visitors); /* whatever became of it, the next one waits */
        close(client);
    }
}
