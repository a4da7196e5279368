/* socket [inet|inet6|unix [stream|dgram|raw|seqpacket]]
 *
 * Creates one socket and prints what the kernel knows of it: the table that the next chapters
 * fill in. */
#define _DEFAULT_SOURCE /* POSIX, and what Linux adds to it, such as SO_PROTOCOL */

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "errors.h"

const char program[] = "socket";

struct choice {
    const char *name;
    int number;
};

static const struct choice families[] = {
    {"inet", AF_INET}, {"inet6", AF_INET6}, {"unix", AF_UNIX}, {NULL, 0}};

static const struct choice types[] = {{"stream", SOCK_STREAM},
                                      {"dgram", SOCK_DGRAM},
                                      {"raw", SOCK_RAW},
                                      {"seqpacket", SOCK_SEQPACKET},
                                      {NULL, 0}};

static const struct choice protocols[] = {
    {"default", 0}, {"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {NULL, 0}};

/* Finds a choice by its name; NULL if there is none. */
static const struct choice *find_name(const struct choice *choice, const char *name)
{
    while (choice->name != NULL && strcmp(choice->name, name) != 0)
        choice++;
    return choice->name != NULL ? choice : NULL;
}

/* The name of a number that the kernel gave us. */
static const char *name_of(const struct choice *choice, int number)
{
    while (choice->name != NULL && choice->number != number)
        choice++;
    return choice->name != NULL ? choice->name : "other";
}

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: socket [inet|inet6|unix [stream|dgram|raw|seqpacket]]\n");
    return 2;
}

/* Prints the table. The answers come from the kernel: what we asked for and what we got may
 * differ (try `unix raw`). Returns 0, or -1 after a report. */
static int print_socket(int descriptor)
{
    int type = 0;
    int protocol = 0;
    static const char zeros[sizeof(struct sockaddr_storage)];
    struct sockaddr_storage local, remote;
    socklen_t length = sizeof type;

    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
        return report("getsockopt SO_TYPE");
#ifdef SO_PROTOCOL /* Linux and FreeBSD can tell; macOS cannot */
    length = sizeof protocol;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) < 0)
        return report("getsockopt SO_PROTOCOL");
#endif
    memset(&local, 0, sizeof local);
    length = sizeof local;
    if (getsockname(descriptor, (struct sockaddr *)&local, &length) < 0)
        return report("getsockname");
    length = sizeof remote;
    bool has_peer = getpeername(descriptor, (struct sockaddr *)&remote, &length) == 0;
    if (!has_peer && errno != ENOTCONN)
        return report("getpeername");

    printf("descriptor  %d\n", descriptor);
    printf("family      %s\n", name_of(families, local.ss_family));
    printf("type        %s\n", name_of(types, type));
    printf("protocol    %s\n", name_of(protocols, protocol));

    /* An address that is all zeros behind its family, from sa_data on, is nobody's: bind() will
     * fill it in. (On macOS a length stands before the family.) */
    size_t head = offsetof(struct sockaddr, sa_data);
    bool is_set = memcmp((const char *)&local + head, zeros, sizeof local - head) != 0;
    printf("local       %s\n", is_set ? "set" : "none yet");
    /* connect() or accept() will fill this one in. */
    printf("remote      %s\n", has_peer ? "set" : "none yet");
    return 0;
}

int main(int argc, char *argv[])
{
    const struct choice *family = &families[0];
    const struct choice *type = &types[0];

    if (argc > 3)
        return usage(argv[3], "one argument too many");
    if (argc > 1 && (family = find_name(families, argv[1])) == NULL)
        return usage(argv[1], "not a family this program knows");
    if (argc > 2 && (type = find_name(types, argv[2])) == NULL)
        return usage(argv[2], "not a type this program knows");

    /* Protocol 0: the one that goes with this family and type, if there is one. */
    int descriptor = socket(family->number, type->number, 0);
    if (descriptor < 0) {
        report("socket %s %s", family->name, type->name);
        return 1;
    }
    if (descriptor == STDOUT_FILENO) { /* stdout is closed: the socket would get our rows */
        errno = EBADF;
        report("stdout");
        return 1;
    }
    if (print_socket(descriptor) < 0)
        return 1;
    if (close(descriptor) < 0) {
        report("close");
        return 1;
    }
    if (fflush(stdout) == EOF) { /* printf only filled a buffer: now it counts */
        report("stdout");
        return 1;
    }
    return 0;
}
