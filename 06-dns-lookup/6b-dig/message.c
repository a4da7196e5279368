#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "message.h"

enum { HEADER = 12, MAX_LABEL = 63, MAX_NAME = 255, POINTER = 0xC0, NONSENSE = 1 << 30 };
enum { A = 1, NS = 2, CNAME = 5, PTR = 12, MX = 15, AAAA = 28, TYPES };
static const char *const types[TYPES] = {
    [A] = "A", [NS] = "NS", [CNAME] = "CNAME", [PTR] = "PTR", [MX] = "MX", [AAAA] = "AAAA"};

const char *make_query(struct message *query, const char *name, const char *type)
{
    unsigned char *next = query->data + HEADER, *const end = next + MAX_NAME - 1, number = 0;

    while (types[number] == NULL || strcasecmp(types[number], type) != 0)
        if (++number == TYPES)
            return type;
    for (const char *label = name; label == name || *label != '\0';) {
        size_t length = strcspn(label, ".");
        if (length < 1 || length > MAX_LABEL || (size_t)(end - next) < 1 + length)
            return name;
        *next = (unsigned char)length;
        memcpy(next + 1, label, length);
        next += 1 + length;
        label += length + (label[length] == '.');
    }
    next[2] = number;                              /* after the empty label that ends the name */
    next[4] = query->data[2] = query->data[5] = 1; /* Internet; "ask others, too"; one question */
    query->size = (size_t)(next + 5 - query->data);
    query->length[0] = (unsigned char)(query->size >> 8);
    query->length[1] = (unsigned char)query->size;
    return NULL;
}

/* Reads a number of so many bytes, the high one first. Beyond the end there are zeros. */
static unsigned take(struct message *message, int bytes)
{
    unsigned number = 0;

    for (; bytes > 0; bytes--, message->next++)
        number = number << 8 | (message->next < message->size ? message->data[message->next] : 0);
    return number;
}

/* Reads a name and prints it: labels up to an empty one, or to a pointer to where the rest stands.
 * Each pointer has to lead further back than all before it, or there might be no end. */
static void print_name(struct message *message)
{
    size_t start = message->next, behind = 0, size = 1;

    for (unsigned length; (length = take(message, 1)) > 0;) {
        if (length >= POINTER) {
            size_t to = (length - POINTER) << 8 | take(message, 1);
            behind = behind > 0 ? behind : message->next;
            start = message->next = to < start ? to : NONSENSE;
        } else if (length > MAX_LABEL || (size += 1 + length) > MAX_NAME) {
            message->next = NONSENSE;
        } else {
            while (length-- > 0) { /* a stranger's bytes shall not steer our terminal */
                int byte = (int)take(message, 1);
                printf(isalnum(byte) || byte == '-' || byte == '_' ? "%c" : "\\%03d", byte);
            }
            putchar('.');
        }
    }
    if (size == 1)
        putchar('.'); /* the root has no labels */
    if (behind > 0 && message->next <= message->size)
        message->next = behind;
}

int print_records(struct message *answer, const struct message *query)
{
    int count = answer->data[6] << 8 | answer->data[7];
    char text[INET6_ADDRSTRLEN];

    answer->next = query->size; /* behind the question, which is the same */
    for (int i = 0; i < count && answer->next <= answer->size; i++) {
        print_name(answer);
        unsigned type = take(answer, 2), class = take(answer, 2), seconds = take(answer, 4);
        size_t size = take(answer, 2), end = answer->next + size;
        if (end > answer->size || class != 1 || type >= TYPES || types[type] == NULL) {
            printf(" %u ? ?", seconds);
            answer->next = end;
        } else if (type == A || type == AAAA) {
            const unsigned char *data = answer->data + answer->next;
            inet_ntop(type == A ? AF_INET : AF_INET6, data, text, sizeof text);
            printf(" %u %s %s", seconds, types[type], text);
            answer->next += type == A ? 4 : 16;
        } else {
            printf(" %u %s ", seconds, types[type]);
            if (type == MX)
                printf("%u ", take(answer, 2)); /* the preference */
            print_name(answer);
        }
        putchar('\n');
        if (answer->next != end)
            answer->next = NONSENSE;
    }
    errno = EBADMSG;
    return answer->next <= answer->size ? count : -1;
}
