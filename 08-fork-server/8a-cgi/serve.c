#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64 /* files of 2 GiB and more, on 32-bit systems, too */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "errors.h"
#include "log.h"
#include "program.h"
#include "request.h"
#include "response.h"
#include "serve.h"

enum {
    REQUEST_SECONDS = 8, /* enough to type a request by hand */
    DRAIN_SECONDS = 1,
    DRAIN_BYTES = 64 << 20,
};

/* The status code for a file that open() or read() refuses. What is our trouble, and not the
 * client's, is reported. */
int file_status(int error)
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

void serve_client(int client, const struct sockaddr *peer, const struct webroot *root)
{
    struct reader reader;
    struct request request;
    struct stat info;
    long long bytes = -1;
    int file = -1;

    start_reader(&reader, client, REQUEST_SECONDS);
    int status = read_request(&reader, &request);
    if (status == 0) {
        close(client);
        return;
    }
    /* Where the buffer is full to its end, more may wait behind it. */
    bool is_unread = status != 200 || request.has_body || reader.start < reader.end ||
                     reader.end == sizeof reader.buffer;

    if (status == 200 && program_length(request.path) > 0)
        status = run_program(&reader, peer, &request, root, &bytes);
    else if (status == 200 && (file = open_file(&request, root, &info, &status)) >= 0 &&
             (bytes = send_file(client, &request, file, &info)) < 0)
        status = file_status(errno);
    if (bytes < 0)
        bytes = send_status(client, &request, status);
    /* A long answer takes time, in which more may have come. */
    if (is_unread || bytes > LINE_SIZE || program_length(request.path) > 0)
        drain(client);
    close(client); /* first: the client waits for it, and for nothing else */
    if (file >= 0)
        close(file);
    log_request(peer, request.line, status, bytes);
}
