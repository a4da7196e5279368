/* conditions.h - the headers by which a client says what it has already, and which part it wants.
 */
#ifndef CONDITIONS_H
#define CONDITIONS_H

#include <sys/stat.h>

#include "request.h"

/* If-Modified-Since, If-None-Match, Range and If-Range. RFC 9110, 13.1 and 14.2. */
enum condition { SINCE, NONE_MATCH, RANGE, IF_RANGE, CONDITIONS };

struct conditions {
    int lines[CONDITIONS];        /* how often each came */
    char values[CONDITIONS][128]; /* as it came; empty if it came twice, or does not fit */
};

/* What is sent of a file. */
struct part {
    long long first, length;
    char content_range[96]; /* the header that tells of it, or empty */
};

/* As read_request(), and in its place: also keeps the conditions. */
int read_conditional_request(struct reader *reader, struct request *request,
                             struct conditions *conditions);

/* Keeps a header, if it is a condition. */
void note_condition(struct conditions *conditions, const char *name, const char *value);

/* Judges the conditions for an open file, of which info is what fstat(2) says. Returns 200, 206,
 * 304 or 416, and sets the part to send. */
int judge_conditions(const struct conditions *conditions, const struct request *request,
                     const struct stat *info, struct part *part);

#endif
