/* What a request means, without a thought of sockets. A status of 0: right so far. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum { LINE = 8191, HEADERS = 100 };

struct seen {
    int headers, hosts, lengths, codings;
    int method; /* its status, for when all else is right */
    bool needs_host;
};

struct found {
    int file;
    struct stat about;
    const char *type;
    char location[LINE + 32]; /* for status 301 */
};

extern char root[];

const char *reason(int status);
int judge_request(const char *line, struct seen *seen);
int judge_header(char *line, size_t size, struct seen *seen);
int find(const char *request, struct found *found);
