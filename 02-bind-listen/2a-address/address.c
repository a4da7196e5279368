/* address TEXT[/PREFIX]...
 *
 * Says what each spelling of an address stands for: its bytes as they travel, the number that they
 * are, and what kind of address it is. With a prefix also the network that it lies in. */
#define _DEFAULT_SOURCE /* for inet_aton(), which POSIX does not have */

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "errors.h"
#include "kinds.h"

const char program[] = "address";

struct address {
    int family;              /* AF_INET or AF_INET6 */
    int size;                /* of bytes: 4 or 16 */
    unsigned char bytes[16]; /* as they travel: the high byte first */
    int prefix;              /* this many leading bits are the network's; -1: nobody has said */
    const char *read_by;     /* which functions take its text */
};

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: address TEXT[/PREFIX]...\n");
    return 2;
}

/* Reads an address without a prefix. Returns whether the text is one. */
static int read_text(const char *text, struct address *address)
{
    struct in_addr ipv4;

    address->family = AF_INET;
    address->size = 4;
    address->prefix = -1;
    address->read_by = "inet_pton and inet_aton";
    if (inet_pton(AF_INET, text, address->bytes) == 1)
        return 1;
    /* inet_aton() takes octal, hexadecimal and left out parts. In glibc also anything at all behind
     * a space: so only letters that a number can have go there. */
    address->read_by = "inet_aton only";
    if (text[strspn(text, "0123456789abcdefABCDEFxX.")] == '\0' && inet_aton(text, &ipv4) != 0) {
        memcpy(address->bytes, &ipv4, sizeof ipv4);
        return 1;
    }
    address->family = AF_INET6;
    address->size = 16;
    address->read_by = "inet_pton only";
    return inet_pton(AF_INET6, text, address->bytes) == 1;
}

/* Reads TEXT[/PREFIX]. Returns NULL, or what is wrong with it. */
static const char *read_address(char *text, struct address *address)
{
    char *slash = strchr(text, '/'), *end;

    if (slash != NULL)
        *slash = '\0';
    int is_address = read_text(text, address);
    if (slash != NULL)
        *slash = '/';
    if (!is_address)
        return "not an IPv4 or IPv6 address";
    if (slash == NULL)
        return NULL;
    long prefix = strtol(slash + 1, &end, 10);
    if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || prefix > 8L * address->size)
        return "not a prefix, a whole number from 0 to 32, with IPv6 to 128";
    address->prefix = (int)prefix;
    return NULL;
}

/* Prints a row of bytes, in hexadecimal. */
static void print_bytes(const char *name, const unsigned char *bytes, int size)
{
    printf("%-11s", name);
    for (int i = 0; i < size; i++)
        printf(" %02x", bytes[i]);
    putchar('\n');
}

/* Prints a row with an address in its usual text. Returns 0, or -1 after a report. */
static int print_text(const char *name, int family, const unsigned char *bytes)
{
    char text[INET6_ADDRSTRLEN];

    if (inet_ntop(family, bytes, text, sizeof text) == NULL)
        return report("inet_ntop");
    printf("%-12s%s\n", name, text);
    return 0;
}

/* Prints the network that an address lies in. Returns 0, or -1 after a report. */
static int print_network(const struct address *address)
{
    unsigned char mask[16], first[16], last[16];
    int rest = 8 * address->size - address->prefix;

    make_mask(mask, address->prefix);
    for (int i = 0; i < address->size; i++) {
        first[i] = address->bytes[i] & mask[i];
        last[i] = (unsigned char)(first[i] | ~mask[i]);
    }
    if (print_text("mask", address->family, mask) < 0 ||
        print_text("first", address->family, first) < 0 ||
        print_text("last", address->family, last) < 0)
        return -1;
    if (address->family == AF_INET)
        printf("%-12s%llu\n", "count", 1ULL << rest);
    else
        printf("%-12s2^%d\n", "count", rest); /* no integer of C is sure to hold that */
    return 0;
}

/* Prints all of an address. Returns 0, or -1 after a report. */
static int print_address(const struct address *address)
{
    uint32_t number;

    if (print_text("address", address->family, address->bytes) < 0)
        return -1;
    print_bytes("bytes", address->bytes, address->size);
    if (address->family == AF_INET) {
        memcpy(&number, address->bytes, sizeof number);
        number = ntohl(number); /* from the network's order to that of this host */
        printf("%-12s%lu\n", "number", (unsigned long)number);
        print_bytes("in memory", (unsigned char *)&number, sizeof number);
    }
    printf("%-12s%s\n", "kind", kind_of(address->family, address->bytes));
    printf("%-12s%s\n", "read by", address->read_by);
    return address->prefix < 0 ? 0 : print_network(address);
}

int main(int argc, char *argv[])
{
    struct address address;

    if (argc < 2)
        return usage("no TEXT", "which address?");
    for (int i = 1; i < argc; i++) { /* all of them, before the first is printed */
        const char *problem = read_address(argv[i], &address);
        if (problem != NULL)
            return usage(argv[i], problem);
    }
    for (int i = 1; i < argc; i++) {
        if (i > 1)
            putchar('\n');
        if (read_address(argv[i], &address) != NULL || print_address(&address) < 0)
            return 1;
    }
    if (fflush(stdout) != EOF) /* printf() only filled a buffer: now it counts */
        return 0;
    report("stdout");
    return 1;
}
