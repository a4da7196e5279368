/* syn-scan ADDRESS PORT
 *
 * Sends one SYN, whose headers are made by hand, and tells what comes back: whether the port is
 * open, closed or silent. Nobody is connected. Only for addresses of this machine, 127.x.x.x. */
#define _DEFAULT_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "errors.h"
#include "packet.h"

const char program[] = "syn-scan";

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: syn-scan ADDRESS PORT\n");
    return 2;
}

static void print_segment(const char *what, const struct segment *segment)
{
    char source[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &segment->source, source, sizeof source);
    printf("%s%s%s%s from %s port %d, sequence %u, acknowledgement %u, window %d\n", what,
           segment->flags & SYN ? " SYN" : "", segment->flags & RST ? " RST" : "",
           segment->flags & ACK ? " ACK" : "", source, segment->source_port, segment->sequence,
           segment->acknowledgement, segment->window);
}

/* Milliseconds of a clock that never goes back. */
static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* Whether a segment answers a SYN. A raw socket gets a copy of all that comes, our own SYN, too. */
static int answers(const struct segment *segment, const struct segment *syn)
{
    return segment->source.s_addr == syn->destination.s_addr &&
           segment->destination.s_addr == syn->source.s_addr &&
           segment->source_port == syn->destination_port &&
           segment->destination_port == syn->source_port && segment->flags & ACK &&
           segment->flags & (SYN | RST) && segment->acknowledgement == syn->sequence + 1;
}

/* Waits a second for the answer to a SYN. Returns 1 with it, 0 if none came, -1 after a report. */
static int receive_answer(int raw, const struct segment *syn, struct segment *answer)
{
    struct pollfd readable = {.fd = raw, .events = POLLIN};
    long long end = now() + 1000, left;
    unsigned char packet[65535];

    while ((left = end - now()) > 0) {
        int ready = poll(&readable, 1, (int)left);
        ssize_t size = ready > 0 ? recv(raw, packet, sizeof packet, MSG_DONTWAIT) : ready;

        if (size < 0 && errno != EINTR && errno != EAGAIN)
            return report(ready < 0 ? "poll" : "recv");
        if (size > 0 && read_segment(answer, packet, (size_t)size) == 0 && answers(answer, syn))
            return 1;
    }
    return 0;
}

/* Sends a SYN from our own address to the target's, and prints it, the answer, and what that means.
 * Returns 0, or -1 after a report. */
static int scan(int raw, const struct sockaddr_in *own, const struct sockaddr_in *target)
{
    unsigned char packet[IP_HEADER + TCP_HEADER];
    struct segment answer = {0}, syn = {.flags = SYN, .window = 1024};

    syn.source = own->sin_addr;
    syn.source_port = ntohs(own->sin_port);
    syn.destination = target->sin_addr;
    syn.destination_port = ntohs(target->sin_port);
    syn.sequence = (uint32_t)now() * 2654435761u; /* another one each time */
    write_segment(&syn, packet);
    if (sendto(raw, packet, sizeof packet, 0, (const struct sockaddr *)target, sizeof *target) < 0)
        return report("sendto");
    print_segment("sent", &syn);
    int found = receive_answer(raw, &syn, &answer);
    if (found < 0)
        return -1;
    if (found > 0)
        print_segment("received", &answer);
    const char *state = found == 0 ? "silent" : answer.flags & RST ? "closed" : "open";
    printf("port %d is %s\n", syn.destination_port, state);
    return fflush(stdout) == EOF ? report("stdout") : 0;
}

int main(int argc, char *argv[])
{
    struct sockaddr_storage address;
    struct sockaddr_in *target = (struct sockaddr_in *)&address, own;
    socklen_t length = sizeof own;
    int on = 1;

    if (argc != 3)
        return usage(argc > 3 ? argv[3] : program, "takes ADDRESS and PORT");
    int port = parse_number(argv[2], MAX_PORT);
    if (port < 1)
        return usage(argv[2], "not a port, a whole number from 1 to 65535");
    if (parse_address(argv[1], port, &address) == 0 || address.ss_family != AF_INET ||
        ntohl(target->sin_addr.s_addr) >> 24 != 127)
        return usage(argv[1], "not an IPv4 address of this machine, such as 127.0.0.1");

    /* IP_HDRINCL: the header of IP comes from us, too, and not from the kernel. */
    int raw = socket(AF_INET, SOCK_RAW, IPPROTO_TCP), holder = socket(AF_INET, SOCK_STREAM, 0);
    if (raw < 0 || setsockopt(raw, IPPROTO_IP, IP_HDRINCL, &on, sizeof on) < 0) {
        report("raw socket"); /* EPERM: that is for root */
        return 1;
    }
    /* A port of ours that nobody else uses: a socket that is only bound takes it. */
    own = *target; /* loopback has all of 127.x.x.x */
    own.sin_port = 0;
    if (holder < 0 || bind(holder, (struct sockaddr *)&own, length) < 0 ||
        getsockname(holder, (struct sockaddr *)&own, &length) < 0) {
        report("bind");
        return 1;
    }
    return scan(raw, &own, target) < 0;
}
