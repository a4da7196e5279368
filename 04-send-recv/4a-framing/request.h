/* request.h - a client's request: words, of which each comes with its length. */
#ifndef REQUEST_H
#define REQUEST_H

#include <stddef.h>

/* A client says how much will come. These are the most that we believe it. */
enum { MAX_WORDS = 64, MAX_BYTES = 65536 };

struct request {
    int count;
    struct word {
        const char *text; /* behind it stands \r\n */
        size_t size;
    } words[MAX_WORDS];
    char bytes[MAX_BYTES + 2 * MAX_WORDS];
};

/* In place of a count: the client has gone, see errno; or has sent what is not of the protocol. */
enum { GONE = -1, WRONG = -2 };

/* Reads a request. Returns how many words it has; or GONE with errno, 0 at the client's end; or
 * WRONG. */
int read_request(int client, struct request *request);

#endif
