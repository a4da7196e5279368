/* The echo server as a state machine: no call but poll() and the output ever waits. */
#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 6000, RETRY_MS = 200 };

union name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* The one client that is served. Whatever lies in `pending` has to leave before more is read. */
static struct session {
    int socket; /* -1: nobody is here */
    size_t start, end;
    char peer[INET6_ADDRSTRLEN + 16];
    unsigned char pending[CHUNK];
} session = {.socket = -1};

static const char *symbol(int error)
{
    static const struct {
        int number;
        const char *text;
    } known[] = {
        {EACCES, "EACCES"},
        {EADDRINUSE, "EADDRINUSE"},
        {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
        {EAFNOSUPPORT, "EAFNOSUPPORT"},
        {EBADF, "EBADF"},
        {ECONNABORTED, "ECONNABORTED"},
        {ECONNRESET, "ECONNRESET"},
        {EINVAL, "EINVAL"},
        {EIO, "EIO"},
        {EMFILE, "EMFILE"},
        {ENFILE, "ENFILE"},
        {ENOBUFS, "ENOBUFS"},
        {ENOMEM, "ENOMEM"},
        {ENOSPC, "ENOSPC"},
        {EPERM, "EPERM"},
        {EPIPE, "EPIPE"},
        {ETIMEDOUT, "ETIMEDOUT"},
    };
    static char other[32];

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].number == error)
            return known[i].text;
    snprintf(other, sizeof other, "errno %d", error);
    return other;
}

static void complain(const char *format, ...)
{
    int error = errno;
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "send-recv: %s: %s (%s)\n", text, strerror(error), symbol(error));
}

static void die(const char *what)
{
    complain("%s", what);
    exit(1);
}

/* stdio's buffer is not used for stdout at all. */
static void put(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t done = write(STDOUT_FILENO, text, size);

        if (done < 0 && errno != EINTR)
            die("write to stdout");
        if (done > 0) {
            text += done;
            size -= (size_t)done;
        }
    }
}

static void say(const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put(text, (size_t)size);
}

static void dump(const unsigned char *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t row = 0; row < size; row += 16) {
        char line[80];
        size_t count = size - row < 16 ? size - row : 16;

        memset(line, ' ', sizeof line);
        for (size_t i = 0; i < 8; i++)
            line[i] = digits[row >> (28 - 4 * i) & 15];
        for (size_t i = 0; i < count; i++) {
            unsigned char byte = data[row + i];
            char *pair = line + 10 + 3 * i + (i >= 8);

            pair[0] = digits[byte >> 4];
            pair[1] = digits[byte & 15];
            line[61 + i] = byte >= 0x20 && byte <= 0x7e ? (char)byte : '.';
        }
        line[60] = '|';
        line[61 + count] = '|';
        line[62 + count] = '\n';
        put(line, 63 + count);
    }
}

static void describe(const union name *name, char *text, size_t size)
{
    char address[INET6_ADDRSTRLEN] = "?";
    bool six = name->any.sa_family == AF_INET6;

    inet_ntop(name->any.sa_family,
              six ? (const void *)&name->v6.sin6_addr : (const void *)&name->v4.sin_addr, address,
              sizeof address);
    snprintf(text, size, "%s port %u", address,
             (unsigned)ntohs(six ? name->v6.sin6_port : name->v4.sin_port));
}

static void never_block(int descriptor)
{
    int flags = fcntl(descriptor, F_GETFL);

    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0)
        die("fcntl O_NONBLOCK");
}

static void hang_up(void)
{
    close(session.socket);
    session.socket = -1;
}

static void welcome(int listener)
{
    static unsigned long visitors;
    union name peer = {0};
    socklen_t size = sizeof peer;
    int descriptor = accept(listener, &peer.any, &size);

    if (descriptor < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED)
            return;
        complain("accept");
        poll(NULL, 0, RETRY_MS); /* until perhaps there are descriptors again */
        return;
    }
    never_block(descriptor);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    session.socket = descriptor;
    session.start = 0;
    describe(&peer, session.peer, sizeof session.peer);
    say("connection %lu from %s\n", ++visitors, session.peer);
    session.end = (size_t)snprintf((char *)session.pending, sizeof session.pending,
                                   "Hello, world! You are visitor %lu.\n", visitors);
}

static void hear(void)
{
    ssize_t size = read(session.socket, session.pending, sizeof session.pending);

    if (size > 0) {
        session.start = 0;
        session.end = (size_t)size;
        say("bytes received: %zd\n", size);
        dump(session.pending, session.end);
    } else if (size == 0) {
        hang_up();
    } else if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
        complain("read from %s", session.peer);
        hang_up();
    }
}

static void answer(void)
{
    ssize_t size =
        write(session.socket, session.pending + session.start, session.end - session.start);

    if (size >= 0) {
        session.start += (size_t)size;
    } else if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
        complain("write to %s", session.peer);
        hang_up();
    }
}

static void step(int listener)
{
    bool speaking = session.start < session.end;
    struct pollfd wait = {.fd = session.socket, .events = speaking ? POLLOUT : POLLIN};

    if (session.socket < 0)
        wait = (struct pollfd){.fd = listener, .events = POLLIN};
    if (poll(&wait, 1, -1) < 0) {
        if (errno != EINTR)
            die("poll");
    } else if (session.socket < 0) {
        welcome(listener);
    } else if (speaking) {
        answer();
    } else {
        hear();
    }
}

static void misused(const char *why, const char *argument)
{
    fprintf(stderr, "send-recv: %s: '%s'\nusage: send-recv [PORT [ADDRESS]]\n", why, argument);
    exit(2);
}

static in_port_t parse_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 5 || text[digits] != '\0' || atol(text) > 65535)
        misused("not a port", text);
    return htons((uint16_t)atol(text));
}

static int open_listener(const char *port, const char *address)
{
    union name name = {.v4 = {.sin_family = AF_INET, .sin_port = parse_port(port)}};
    socklen_t size = sizeof name.v4;
    char text[INET6_ADDRSTRLEN + 16];

    if (inet_pton(AF_INET, address, &name.v4.sin_addr) != 1) {
        name = (union name){.v6 = {.sin6_family = AF_INET6, .sin6_port = parse_port(port)}};
        size = sizeof name.v6;
        if (inet_pton(AF_INET6, address, &name.v6.sin6_addr) != 1)
            misused("not an address", address);
    }
    describe(&name, text, sizeof text);

    int listener = socket(name.any.sa_family, SOCK_STREAM, 0);

    if (listener < 0)
        die("socket");
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0)
        die("setsockopt SO_REUSEADDR");
    if (bind(listener, &name.any, size) < 0) {
        complain("bind %s", text);
        exit(1);
    }
    if (listen(listener, SOMAXCONN) < 0)
        die("listen");
    if (getsockname(listener, &name.any, &size) < 0)
        die("getsockname");
    never_block(listener);
    describe(&name, text, sizeof text);
    say("listening on %s\n", text);
    return listener;
}

int main(int argc, char **argv)
{
    if (argc > 3)
        misused("one argument too many", argv[3]);
    if (sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) < 0)
        die("sigaction SIGPIPE");

    int listener = open_listener(argc > 1 ? argv[1] : "7890", argc > 2 ? argv[2] : "127.0.0.1");

    for (;;)
        step(listener);
}
