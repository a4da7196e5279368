#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64 /* files of 2 GiB and more, on 32-bit systems, too */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "errors.h"
#include "log.h"
#include "request.h"
#include "response.h"
#include "serve.h"
#include "signals.h"

enum {
    REQUEST_SECONDS = 8, /* enough to type a request by hand */
    IDLE_SECONDS = 5,    /* so long a child waits for the next one */
    DRAIN_SECONDS = 1,
    DRAIN_BYTES = 64 << 20,
};

enum next { CLOSE, DRAIN, STAY }; /* what becomes of a connection, behind an answer */

/* The status code for a file that open() or read() refuses. What is our trouble, and not the
 * client's, is reported. */
static int file_status(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        return 404;
    case EACCES: /* not ours to read, or outside the webroot */
    case EPERM:
    case ELOOP: /* links in a circle */
    case ENXIO: /* a socket (elsewhere EOPNOTSUPP), or a device that nothing stands behind */
    case EOPNOTSUPP:
    case ENODEV:
        return 403;
    case EMFILE: /* a moment later there may be room */
    case ENFILE:
    case ENOMEM:
        report("open or read a file");
        return 503;
    default:
        report("open or read a file");
        return 500;
    }
}

/* Opens the file that the request names, and fills info. Sets status to 200 and returns a
 * descriptor, or sets another status and returns -1. */
static int open_file(struct request *request, const struct webroot *root, struct stat *info,
                     int *status)
{
    size_t length = strlen(request->path);
    bool is_folder = request->path[length - 1] == '/';

    *status = 404;
    if (is_folder) {
        if (length + sizeof "index.html" > sizeof request->path)
            return -1;
        strcpy(request->path + length, "index.html");
    }
    int file = open_beneath(root, request->path);
    if (file < 0 || fstat(file, info) < 0)
        *status = file_status(errno);
    else if (S_ISREG(info->st_mode))
        *status = 200;
    else if (S_ISDIR(info->st_mode) && !is_folder)
        *status = 301; /* with the slash, the links in its page lead to the right place */
    else
        *status = 403;
    if (*status != 200 && file >= 0)
        close(file);
    return *status == 200 ? file : -1;
}

/* Ends a connection whose request is not read to its end. To close it with unread bytes would make
 * the kernel send a reset, which can overtake our answer and destroy it. So: say that we are done,
 * and listen a little longer. RFC 9112, 9.6. */
static void drain(int client)
{
    struct reader reader;
    ssize_t received = 1;

    if (shutdown(client, SHUT_WR) < 0)
        return; /* the client has left: nobody to be polite to */
    start_reader(&reader, client, DRAIN_SECONDS);
    for (long long total = 0; received > 0 && total < DRAIN_BYTES; total += received)
        received = fill_reader(&reader);
}

/* Two limits for a connection that stays; that it does is no reason to lose it if they fail. */
static void prepare(int client)
{
    const struct timeval second = {.tv_sec = 1};
    int on = 1;

    /* An answer must not wait until the client acknowledges the one before it; and nobody can send
     * us requests for ever and never read: send_all() gives up. */
    if (setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second) < 0)
        report("setsockopt");
}

/* Waits for the first bytes of the next request, if none are in the buffer, and begins its time.
 * Returns false if the client has left or is silent for too long, or is idle when we are to stop.
 */
static bool await_request(struct reader *reader, int stop)
{
    struct pollfd ends[] = {{.fd = reader->descriptor, .events = POLLIN},
                            {.fd = stop, .events = POLLIN}};
    struct timespec now, end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += IDLE_SECONDS;
    for (ssize_t received = -1; received < 0;) {
        bool is_idle = reader->start == reader->end;

        clock_gettime(CLOCK_MONOTONIC, &now);
        long long left = (end.tv_sec - now.tv_sec) * 1000LL + (end.tv_nsec - now.tv_nsec) / 1000000;
        int ready = poll(ends, 2, is_idle && left > 0 ? (int)left : 0);

        if (ready > 0 && ends[1].revents != 0)
            stop_requested = 1; /* the next request is the last */
        if (!is_idle)
            break;
        if (ready == 0 || (ready > 0 && ends[0].revents == 0))
            return false;
        if (ready > 0)
            received =
                recv(reader->descriptor, reader->buffer, sizeof reader->buffer, MSG_DONTWAIT);
        if (received == 0 || (received < 0 && errno != EINTR && errno != EAGAIN))
            return false;
        reader->start = 0;
        reader->end = received > 0 ? (size_t)received : 0;
    }
    clock_gettime(CLOCK_MONOTONIC, &reader->deadline);
    reader->deadline.tv_sec += REQUEST_SECONDS;
    return true;
}

/* Reads one request and answers it. Returns how the connection goes on. */
static enum next answer(struct reader *reader, const struct sockaddr *peer,
                        const struct webroot *root)
{
    int client = reader->descriptor, file = -1;
    struct request request;
    struct stat info;
    long long bytes = -1;
    bool stays;
    int status = read_next_request(reader, &request, &stays);

    if (status == 0)
        return CLOSE;
    /* Where the buffer is full to its end, more may wait behind it. */
    bool is_unread = status != 200 || request.has_body || reader->start < reader->end ||
                     reader->end == sizeof reader->buffer;

    if (stop_requested)
        stays = false;
    if (status == 200)
        file = open_file(&request, root, &info, &status);
    if (status == 200 && (bytes = send_file(client, &request, file, &info, &stays)) < 0)
        status = file_status(errno);
    if (status != 200)
        bytes = send_status(client, &request, status, &stays);
    if (file >= 0)
        close(file);
    log_request(peer, request.line, status, bytes);
    if (stays)
        return STAY;
    /* A long answer takes time, in which more may have come. */
    return is_unread || bytes > LINE_SIZE ? DRAIN : CLOSE;
}

void serve_client(int client, const struct sockaddr *peer, const struct webroot *root, int stop)
{
    struct reader reader;
    enum next next;

    start_reader(&reader, client, REQUEST_SECONDS);
    if ((next = answer(&reader, peer, root)) == STAY)
        prepare(client);
    while (next == STAY)
        next = await_request(&reader, stop) ? answer(&reader, peer, root) : CLOSE;
    if (next == DRAIN)
        drain(client);
    close(client);
}
