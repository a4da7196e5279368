/* request.h - reading an HTTP request, and judging it. See RFC 9112 (and RFC 1945, HTTP/1.0). */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "reader.h"

enum { LINE_SIZE = 8192, HEADERS_MAX = 100 };

struct request {
    bool head;            /* HEAD: the client wants no body */
    const char *target;   /* in line: the path as it came, not ended by a NUL ... */
    size_t target_length; /* ... so this is its length, up to the query or the version */
    int minor_version;    /* HTTP/1.minor_version */
    int hosts;            /* how many Host lines there were */
    int lengths;          /* how many lines told the body's length: two may be an attack */
    bool has_body;        /* something follows that we have no use for */
    char line[LINE_SIZE]; /* the request line, as it came */
    char path[LINE_SIZE]; /* the path, decoded; begins with '/' */
};

/* Reads one request, up to the empty line that ends its headers. Returns 200 if it is a GET or HEAD
 * that we may answer, 0 if there is nobody to answer (the client left before it asked for anything,
 * or the connection broke), or else the status code of the error to answer with; then part of the
 * request may be unread. Sets stays if the connection may stay open behind the answer: all of the
 * request is read, and it asks for no end. RFC 9112, 9.3. */
int read_next_request(struct reader *reader, struct request *request, bool *stays);

#endif
