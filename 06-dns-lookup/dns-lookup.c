/* dns-lookup HOST [SERVICE]
 *
 * Looks up the addresses of a host, connects to the first that answers, and asks which web server
 * runs there. */
#define _GNU_SOURCE /* POSIX, and EAI_NODATA */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "address.h"
#include "connect.h"
#include "errors.h"
#include "io.h"
#include "reader.h"

const char program[] = "dns-lookup";

enum { ANSWER_SECONDS = 10 };

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: dns-lookup HOST [SERVICE]\n");
    return 2;
}

/* getaddrinfo() has error numbers of its own; this is the name of one. */
static const char *eai_name(int error)
{
    static const struct {
        int error;
        const char *name;
    } names[] = {{EAI_AGAIN, "EAI_AGAIN"},     {EAI_BADFLAGS, "EAI_BADFLAGS"},
                 {EAI_FAIL, "EAI_FAIL"},       {EAI_FAMILY, "EAI_FAMILY"},
                 {EAI_MEMORY, "EAI_MEMORY"},   {EAI_NONAME, "EAI_NONAME"},
#ifdef EAI_NODATA
                 {EAI_NODATA, "EAI_NODATA"},
#endif
                 {EAI_SERVICE, "EAI_SERVICE"}, {EAI_SYSTEM, "EAI_SYSTEM"}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].error == error)
            return names[i].name;
    return "unlisted";
}

/* Looks up a host and a service, for TCP. Returns a list that freeaddrinfo() frees, or NULL after
 * a report. See getaddrinfo(3). */
static struct addrinfo *look_up(const char *host, const char *service)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list;

    errno = 0; /* for EAI_SYSTEM, where glibc may forget to set it */
    int error = getaddrinfo(host, service, &hints, &list);

    if (error == 0)
        return list;
    if (error == EAI_SYSTEM && errno != 0)
        report("getaddrinfo %s %s", host, service);
    else
        fprintf(stderr, "%s: getaddrinfo %s %s: %s (%s)\n", program, host, service,
                gai_strerror(error), eai_name(error));
    return NULL;
}

/* Prints every address of the list, in the order in which they should be tried. Returns 0, or -1
 * after a report. */
static int print_addresses(const struct addrinfo *list)
{
    int number = 0;

    for (const struct addrinfo *entry = list; entry != NULL; entry = entry->ai_next) {
        char text[ADDRESS_TEXT_SIZE];
        if (printf("address %d: %s\n", ++number, address_text(entry->ai_addr, text)) < 0)
            return report("stdout");
    }
    return 0;
}

/* Connects to the first address of the list that lets us. Returns a descriptor, or -1 after a
 * report for each address. */
static int connect_to_first(const struct addrinfo *list)
{
    int server = -1;

    for (; list != NULL && server < 0; list = list->ai_next)
        server = open_connection(list->ai_addr, list->ai_addrlen);
    return server;
}

/* Asks for the head of the page / and nothing more. Returns 0, or -1 after a report. */
static int send_request(int server, const char *host)
{
    /* An IPv6 address goes into brackets: its colons would look like the one before a port. Its
     * zone, the %eth0 of fe80::1%eth0, means something on this machine only. RFC 6874, 4. */
    bool is_ipv6 = strchr(host, ':') != NULL;
    char request[NI_MAXHOST + 64];
    int length = snprintf(request, sizeof request, "HEAD / HTTP/1.0\r\nHost: %s%.*s%s\r\n\r\n",
                          is_ipv6 ? "[" : "", (int)strcspn(host, "%"), host, is_ipv6 ? "]" : "");

    if ((size_t)length >= sizeof request) { /* possible: 0000...1 is an address, too */
        errno = ENAMETOOLONG;
        return report("host");
    }
    if (send_all(server, request, (size_t)length) < 0)
        return report("send");
    return 0;
}

/* Reads the answer up to its Server line and prints that. Returns 0, or -1 after a report. */
static int print_server(int server, const char *host)
{
    struct reader reader;
    char line[8192];
    int got;

    start_reader(&reader, server, ANSWER_SECONDS);
    while ((got = recv_line(&reader, line, sizeof line)) > 0 && line[0] != '\0') {
        if (strncasecmp(line, "Server:", 7) != 0)
            continue;
        const char *value = line + 7 + strspn(line + 7, " \t");
        for (char *end = line + strlen(line); end > value && isblank((unsigned char)end[-1]);)
            *--end = '\0';
        for (char *c = line; *c != '\0'; c++)
            if (!isprint((unsigned char)*c))
                *c = '?'; /* a stranger's bytes shall not steer our terminal */
        if (printf("The web server for %s is %s\n", host, value) < 0)
            return report("stdout");
        return 0;
    }
    if (got < 0)
        return report("%s", reader.call);
    fprintf(stderr, "%s: %s does not say which web server it runs: no Server line\n", program,
            host);
    return -1;
}

int main(int argc, char *argv[])
{
    if (argc < 2)
        return usage("arguments", "a host is needed");
    if (argc > 3)
        return usage(argv[3], "one argument too many");
    /* If the shell has closed one of the three, the socket would get its number: what is meant for
     * our terminal would go to the server. */
    for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++)
        if (fcntl(standard, F_GETFD) < 0) {
            report("descriptor %d", standard);
            return 1;
        }
    if (sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) < 0) {
        report("sigaction SIGPIPE");
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);

    const char *host = argv[1], *service = argc > 2 ? argv[2] : "http";
    bool is_number = service[strspn(service, "+- 0123456789")] == '\0';
    if (is_number && parse_number(service, MAX_PORT) < 0) /* getaddrinfo() takes 99999 for 34463 */
        return usage(service, "not a port, a whole number from 0 to 65535");
    struct addrinfo *list = look_up(host, service);
    if (list == NULL)
        return 1;
    int server = print_addresses(list) < 0 ? -1 : connect_to_first(list);
    freeaddrinfo(list);
    if (server < 0)
        return 1;
    int result = send_request(server, host) < 0 ? -1 : print_server(server, host);
    close(server);
    return result < 0 ? 1 : 0;
}
