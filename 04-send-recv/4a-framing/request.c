#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "request.h"

/* Receives just so many bytes. Returns 0, or GONE with errno, which is 0 at the client's end. */
static int read_exactly(int client, char *buffer, size_t size)
{
    while (size > 0) {
        errno = 0;
        /* MSG_WAITALL: return when all have come, unless a signal or the end comes first. */
        ssize_t received = recv(client, buffer, size, MSG_WAITALL);

        if (received > 0) {
            buffer += received;
            size -= (size_t)received;
        } else if (errno != EINTR) {
            return GONE;
        }
    }
    return 0;
}

/* Reads a line such as "*2\r\n": its kind, here '*', and a count up to max. Returns that, or
 * GONE, or WRONG. */
static int read_count(int client, char kind, int max)
{
    char line[16], *end = NULL;
    size_t size = 0;

    while (end == NULL && size < sizeof line) {
        errno = 0;
        /* MSG_PEEK: look, and leave it there: what stands behind the line is not ours to take. */
        ssize_t seen = recv(client, line + size, sizeof line - size, MSG_PEEK);

        if (seen < 0 && errno == EINTR)
            continue;
        if (seen <= 0)
            return GONE;
        end = memchr(line + size, '\n', (size_t)seen);
        size_t length = end == NULL ? size + (size_t)seen : (size_t)(end + 1 - line);
        if (read_exactly(client, line + size, length - size) < 0)
            return GONE;
        size = length;
    }
    if (end == NULL || line[0] != kind || end[-1] != '\r' || memchr(line, '\0', size) != NULL)
        return WRONG;
    end[-1] = '\0';
    int count = parse_number(line + 1, max);
    return count < 0 ? WRONG : count;
}

int read_request(int client, struct request *request)
{
    char *next = request->bytes;
    int room = MAX_BYTES;

    request->count = read_count(client, '*', MAX_WORDS);
    for (int i = 0; i < request->count; i++) {
        int size = read_count(client, '$', room);

        if (size < 0)
            return size;
        if (read_exactly(client, next, (size_t)size + 2) < 0)
            return GONE;
        if (memcmp(next + size, "\r\n", 2) != 0)
            return WRONG;
        request->words[i] = (struct word){next, (size_t)size};
        next += size + 2;
        room -= size;
    }
    return request->count == 0 ? WRONG : request->count;
}
