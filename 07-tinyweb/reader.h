/* reader.h - receiving lines of text: few calls of recv(), bounded memory, bounded time. */
#ifndef READER_H
#define READER_H

#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct reader {
    int descriptor;           /* a connected socket */
    struct timespec deadline; /* on CLOCK_MONOTONIC; nothing waits longer */
    const char *call;         /* the last one, for the report if it fails */
    size_t start, end;        /* buffer[start..end) has come in and was not asked for yet */
    char buffer[4096];
};

/* Prepares to read from descriptor, with an empty buffer: once for each connection. All that is
 * read must be there within so many seconds. */
void start_reader(struct reader *reader, int descriptor, int seconds);

/* Receives what comes next into the buffer, in place of what it held. Returns the number of bytes,
 * 0 if the peer has ended its side, or -1 with errno: ETIMEDOUT if the deadline has passed, or what
 * recv(2) says. */
ssize_t fill_reader(struct reader *reader);

/* Reads one line into line, which has size bytes, without its LF or CR LF and with a NUL at the
 * end. Returns 1; or 0 if the peer has ended its side before the end of a line; or -1 with errno:
 * EMSGSIZE  the line does not fit
 * EBADMSG   a NUL byte in the line, which is no text then
 * or what fill_reader() says. In every case line holds a string: what has come of it so far, after
 * EMSGSIZE without the piece that was too much. */
int recv_line(struct reader *reader, char *line, size_t size);

#endif
