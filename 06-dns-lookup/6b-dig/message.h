/* message.h - messages of the DNS, see RFC 1035, section 4. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stddef.h>

struct message {
    unsigned char length[2], data[65535 + 4096]; /* as TCP has it, and room for what comes behind */
    size_t size, next;                           /* of the data; data[next] is read next */
};

/* Makes a query, all 0 before but for its id. Returns NULL, or the argument that is no good. */
const char *make_query(struct message *query, const char *name, const char *type);

/* Prints an answer's records. Returns their number, or -1 with EBADMSG if they make no sense. */
int print_records(struct message *answer, const struct message *query);

#endif
