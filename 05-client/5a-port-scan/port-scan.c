/* port-scan ADDRESS FIRST-LAST [-t MS]
 *
 * Tries each of these ports of this machine, and says which are open (somebody listens) or silent
 * (no answer within MS milliseconds), and how many are closed. */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "errors.h"

const char program[] = "port-scan";

enum { MOST = 256 }; /* so many connections are under way at the same time */
enum result { CLOSED, OPEN, SILENT };

/* What is under way: sockets[i] belongs to ports[i], and may take until deadlines[i]. */
struct scan {
    const char *host;
    int patience; /* milliseconds for each port */
    nfds_t count;
    struct pollfd sockets[MOST];
    int ports[MOST];
    long long deadlines[MOST];
    enum result results[MAX_PORT + 1];
};

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: port-scan ADDRESS FIRST-LAST [-t MS]\n");
    return 2;
}

/* Reads FIRST-LAST, two ports. Returns whether it is that. */
static bool parse_range(const char *text, int *first, int *last)
{
    const char *dash = strchr(text, '-');
    char copy[sizeof "65535"];

    if (dash == NULL || dash - text >= (int)sizeof copy)
        return false;
    snprintf(copy, sizeof copy, "%.*s", (int)(dash - text), text);
    *first = parse_number(copy, MAX_PORT);
    *last = parse_number(dash + 1, MAX_PORT);
    return *first >= 1 && *first <= *last;
}

/* Says whether an address is one by which this machine talks to itself. */
static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
    return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
}

/* The milliseconds on a clock that nobody sets back. */
static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* Says whether a socket is connected to itself: where nobody listens, and the kernel happens to
 * give our end the very port that we ask for, TCP connects the socket with itself. */
static bool is_itself(int descriptor)
{
    struct sockaddr_storage ours, theirs;
    socklen_t length = sizeof ours, same = sizeof theirs;
    char our_text[ADDRESS_TEXT_SIZE], their_text[ADDRESS_TEXT_SIZE];

    return getsockname(descriptor, (struct sockaddr *)&ours, &length) == 0 &&
           getpeername(descriptor, (struct sockaddr *)&theirs, &same) == 0 &&
           strcmp(address_text((struct sockaddr *)&ours, our_text),
                  address_text((struct sockaddr *)&theirs, their_text)) == 0;
}

/* Says what a connect() has found out that has ended with this error; 0 is none. */
static enum result judge(int descriptor, int error)
{
    if (error == 0)
        return is_itself(descriptor) ? CLOSED : OPEN;
    if (error == ECONNRESET || error == EPIPE) /* it was connected, and hung up on us */
        return OPEN;
    return error == ECONNREFUSED ? CLOSED : SILENT; /* EHOSTUNREACH, say: a firewall's word */
}

/* Begins to connect to a port. Returns 1, 0 if others have to end first, or -1 after a report. */
static int begin(struct scan *scan, int port)
{
    struct sockaddr_storage address;
    socklen_t length = parse_address(scan->host, port, &address);
    char text[ADDRESS_TEXT_SIZE];
    int error, descriptor = socket(address.ss_family, SOCK_STREAM, 0);

    if (descriptor < 0) /* EMFILE, say: then fewer at the same time */
        return scan->count > 0 ? 0 : report("socket");
    if (fcntl(descriptor, F_SETFL, O_NONBLOCK) < 0)
        return report("fcntl O_NONBLOCK"); /* our end: it closes all */
    do
        error = connect(descriptor, (struct sockaddr *)&address, length) < 0 ? errno : 0;
    while (error == EINTR);
    if (error == 0 || error == EINPROGRESS || error == EALREADY || error == EISCONN) {
        scan->sockets[scan->count] = (struct pollfd){.fd = descriptor, .events = POLLOUT};
        scan->ports[scan->count] = port;
        scan->deadlines[scan->count++] = now() + scan->patience;
        return 1;
    }
    if (error != ECONNREFUSED)
        return report("connect %s", address_text((struct sockaddr *)&address, text));
    close(descriptor);
    return 1;
}

/* Waits until something is over, and notes how it ended. Returns 0, or -1 after a report. */
static int wait_for_some(struct scan *scan)
{
    long long first = scan->deadlines[0];

    for (nfds_t i = 1; i < scan->count; i++)
        first = scan->deadlines[i] < first ? scan->deadlines[i] : first;
    long long left = first - now();
    if (poll(scan->sockets, scan->count, left > 0 ? (int)left : 0) < 0)
        return errno == EINTR ? 0 : report("poll");
    for (nfds_t i = scan->count; i-- > 0;) {
        int error = ETIMEDOUT, descriptor = scan->sockets[i].fd;
        socklen_t size = sizeof error;

        if (scan->sockets[i].revents == 0 && scan->deadlines[i] > now())
            continue;
        if (scan->sockets[i].revents != 0 &&
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
            return report("getsockopt SO_ERROR");
        scan->results[scan->ports[i]] = judge(descriptor, error);
        close(descriptor);
        scan->sockets[i] = scan->sockets[--scan->count]; /* the last one takes its place */
        scan->ports[i] = scan->ports[scan->count];
        scan->deadlines[i] = scan->deadlines[scan->count];
    }
    return 0;
}

/* Prints the line of a port that is not closed. Returns 0, or -1 with errno. */
static int print(int port, enum result result)
{
    const struct servent *service = getservbyport(htons((uint16_t)port), "tcp");

    if (result == SILENT)
        return printf("%d silent\n", port);
    return printf(service ? "%d open %s\n" : "%d open\n", port, service ? service->s_name : "");
}

int main(int argc, char *argv[])
{
    struct scan scan = {.host = argv[1], .patience = 1000};
    struct sockaddr_storage address;
    int first, last, closed = 0;

    if (argc != 3 && argc != 5)
        return usage(argc < 3 ? "arguments" : argv[argc - 1], "too few, or too many");
    if (parse_address(argv[1], 0, &address) == 0 || !is_loopback(&address))
        return usage(argv[1], "not a loopback address: what others have open is theirs");
    if (!parse_range(argv[2], &first, &last))
        return usage(argv[2], "not FIRST-LAST, two ports from 1 to 65535");
    if (argc == 5 && strcmp(argv[3], "-t") != 0)
        return usage(argv[3], "no such option");
    if (argc == 5 && (scan.patience = parse_number(argv[4], 60000)) < 1)
        return usage(argv[4], "not a number of milliseconds from 1 to 60000");

    for (int port = first; port <= last || scan.count > 0;) {
        int begun = port <= last && scan.count < MOST ? begin(&scan, port) : 0;

        port += begun;
        if (begun < 0 || (begun == 0 && wait_for_some(&scan) < 0))
            return 1;
    }
    for (int port = first; port <= last; port++)
        if (scan.results[port] == CLOSED)
            closed++;
        else if (print(port, scan.results[port]) < 0)
            break;
    if (ferror(stdout) || printf("closed: %d\n", closed) < 0 || fflush(stdout) == EOF) {
        report("stdout");
        return 1;
    }
    return 0;
}
