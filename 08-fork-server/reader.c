#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "reader.h"

void start_reader(struct reader *reader, int descriptor, int seconds)
{
    reader->descriptor = descriptor;
    reader->call = "recv";
    reader->start = reader->end = 0;
    clock_gettime(CLOCK_MONOTONIC, &reader->deadline);
    reader->deadline.tv_sec += seconds;
}

/* Lets the next recv() wait no longer than the deadline. Returns 0, or -1 with errno. */
static int limit_wait(struct reader *reader)
{
    struct timespec now;
    struct timeval left;

    clock_gettime(CLOCK_MONOTONIC, &now);
    left.tv_sec = reader->deadline.tv_sec - now.tv_sec;
    left.tv_usec = (suseconds_t)((reader->deadline.tv_nsec - now.tv_nsec) / 1000);
    if (left.tv_usec < 0) {
        left.tv_sec--;
        left.tv_usec += 1000000;
    }
    if (left.tv_sec < 0 || (left.tv_sec == 0 && left.tv_usec == 0)) {
        errno = ETIMEDOUT; /* a limit of 0 would mean: wait for ever */
        return -1;
    }
    reader->call = "setsockopt SO_RCVTIMEO";
    return setsockopt(reader->descriptor, SOL_SOCKET, SO_RCVTIMEO, &left, sizeof left);
}

ssize_t fill_reader(struct reader *reader)
{
    ssize_t received;

    do {
        if (limit_wait(reader) < 0)
            return -1;
        reader->call = "recv";
        received = recv(reader->descriptor, reader->buffer, sizeof reader->buffer, 0);
    } while (received < 0 && errno == EINTR);
    if (received < 0 && errno == EAGAIN)
        errno = ETIMEDOUT;
    reader->start = 0;
    reader->end = received > 0 ? (size_t)received : 0;
    return received;
}

int recv_line(struct reader *reader, char *line, size_t size)
{
    size_t length = 0;
    const char *newline = NULL;

    line[0] = '\0';
    while (newline == NULL) {
        if (reader->start == reader->end) {
            ssize_t received = fill_reader(reader);
            if (received < 0)
                return -1;
            if (received == 0)
                break;
        }
        const char *next = reader->buffer + reader->start;
        size_t count = reader->end - reader->start;

        newline = memchr(next, '\n', count);
        if (newline != NULL)
            count = (size_t)(newline - next) + 1;
        if (count >= size - length) {
            errno = EMSGSIZE;
            return -1;
        }
        memcpy(line + length, next, count);
        reader->start += count;
        length += count;
        line[length] = '\0';
    }
    if (strlen(line) != length) {
        errno = EBADMSG;
        return -1;
    }
    if (newline == NULL)
        return 0;
    line[--length] = '\0';
    if (length > 0 && line[length - 1] == '\r')
        line[--length] = '\0';
    return 1;
}
