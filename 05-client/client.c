/* client ADDRESS PORT
 *
 * Connects, and then copies both ways at once: standard input to the server, and what the server
 * sends to standard output. A small nc. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "connect.h"
#include "errors.h"

const char program[] = "client";

/* One direction: bytes come in from one descriptor and go out to another. */
struct flow {
    const char *from_name, *to_name; /* for the report if it fails */
    int from, to;
    bool ended;        /* no more will come in */
    size_t start, end; /* buffer[start..end) has come in and is still to go out */
    char buffer[16384];
};

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: client ADDRESS PORT\n");
    return 2;
}

static bool is_empty(const struct flow *flow)
{
    return flow->start == flow->end;
}

/* Says what a flow waits for: to write while it holds something, or else to read. poll() passes
 * over a negative descriptor; one we have no use for now could only wake us for nothing. */
static void ask_for(const struct flow *flow, struct pollfd *source, struct pollfd *sink)
{
    source->fd = is_empty(flow) && !flow->ended ? flow->from : -1;
    source->events = POLLIN;
    sink->fd = is_empty(flow) ? -1 : flow->to;
    sink->events = POLLOUT;
}

/* Moves what can be moved now. Returns 0, or -1 after a report. */
static int move(struct flow *flow, bool readable, bool writable)
{
    if (readable) {
        ssize_t got = read(flow->from, flow->buffer, sizeof flow->buffer);

        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return report("%s", flow->from_name);
        flow->ended = got == 0;
        flow->start = 0;
        flow->end = got > 0 ? (size_t)got : 0;
    }
    if (writable) {
        /* A pipe that poll() found ready has room for PIPE_BUF bytes: more would make us wait. */
        size_t size = flow->end - flow->start < PIPE_BUF ? flow->end - flow->start : PIPE_BUF;
        ssize_t put = write(flow->to, flow->buffer + flow->start, size);

        if (put < 0 && errno != EINTR && errno != EAGAIN)
            return report("%s", flow->to_name);
        flow->start += put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/* Copies both ways until the server has ended its side. Returns 0, or -1 after a report. */
static int converse(int server)
{
    struct flow up = {"read stdin", "send", .from = STDIN_FILENO, .to = server};
    struct flow down = {"recv", "write stdout", .from = server, .to = STDOUT_FILENO};
    bool half_closed = false;
    int result = 0;

    while (!down.ended || !is_empty(&down) || !half_closed) {
        struct pollfd ends[4] = {{0}};

        if (up.ended && is_empty(&up) && !half_closed) {
            /* All is said: end our side, and go on listening. ENOTCONN: the server has left. */
            if (shutdown(server, SHUT_WR) < 0 && errno != ENOTCONN)
                return report("shutdown");
            half_closed = true;
            continue;
        }
        ask_for(&up, &ends[0], &ends[1]);
        ask_for(&down, &ends[2], &ends[3]);

        /* A server that has ended its side may still read ours: hand over what stdin has ready,
         * but do not wait for a person to type more. */
        bool last_call = down.ended && is_empty(&down) && is_empty(&up);
        int ready = poll(ends, 4, last_call ? 0 : -1);
        if (ready == 0)
            break;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready < 0)
            return report("poll");
        if (move(&down, ends[2].revents != 0, ends[3].revents != 0) < 0)
            return -1;
        if (move(&up, ends[0].revents != 0, ends[1].revents != 0) < 0) {
            result = -1; /* nothing more goes up, but what the server said may still come down */
            up.ended = true;
            up.start = up.end;
        }
    }
    return result;
}

int main(int argc, char *argv[])
{
    struct sockaddr_storage address;

    if (argc < 3)
        return usage("arguments", "an address and a port are needed");
    if (argc > 3)
        return usage(argv[3], "one argument too many");
    int port = parse_number(argv[2], MAX_PORT);
    if (port < 0)
        return usage(argv[2], "not a port, a whole number from 0 to 65535");
    socklen_t length = parse_address(argv[1], port, &address);
    if (length == 0)
        return usage(argv[1], "not an IPv4 or IPv6 address (names come in chapter 6)");
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

    int server = open_connection((struct sockaddr *)&address, length);
    if (server < 0)
        return 1;
    /* While the server waits for us to read, send() must not wait for the server: deadlock.
     * stdin and stdout stay as they are: they belong to the shell, too. */
    if (fcntl(server, F_SETFL, O_NONBLOCK) < 0) {
        report("fcntl O_NONBLOCK");
        return 1;
    }
    int result = converse(server);
    close(server);
    return result < 0 ? 1 : 0;
}
