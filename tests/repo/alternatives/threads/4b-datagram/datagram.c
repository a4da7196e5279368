/* datagram [-b BYTES] [PORT [ADDRESS]]
 * datagram -c ADDRESS PORT TEXT...
 *
 * Four threads wait on one socket. main() is none of them: it has ended. */
#define _DEFAULT_SOURCE

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int descriptor;
static size_t room = 65535;

static int fail(const char *what)
{
    const char *name = "?";
#define IF_IT_IS(symbol) if (errno == symbol) name = #symbol
    IF_IT_IS(EADDRINUSE);
    IF_IT_IS(ECONNREFUSED);
    IF_IT_IS(EMSGSIZE);
    IF_IT_IS(ENOBUFS);
    IF_IT_IS(ENOMEM);
    IF_IT_IS(ETIMEDOUT);
    fprintf(stderr, "datagram: %s: %s (%s)\n", what, strerror(errno), name);
    return 1;
}

_Noreturn static void usage(const char *bad)
{
    fprintf(stderr, "usage: datagram [-b BYTES] [PORT [ADDRESS]]\n"
                    "usage: datagram -c ADDRESS PORT TEXT...\nnot understood: %s\n", bad);
    exit(2);
}

static unsigned long number(const char *text, unsigned long least)
{
    unsigned long value = 65536;

    if (*text != '\0' && strlen(text) < 10 && text[strspn(text, "0123456789")] == '\0')
        value = strtoul(text, NULL, 10);
    if (value < least || value > 65535)
        usage(text);
    return value;
}

/* Makes the socket, and lets bind() or connect() have the address. */
static void open_socket(const char *host, const char *port, int (*give)(int, const struct sockaddr *, socklen_t),
                        const char *what)
{
    struct addrinfo *place, hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};

    number(port, 0);
    if (*host == '\0' || getaddrinfo(host, port, &hints, &place) != 0)
        usage(host);
    descriptor = socket(place->ai_family, SOCK_DGRAM, 0);
    if (descriptor < 0 || give(descriptor, place->ai_addr, place->ai_addrlen) < 0)
        exit(fail(what));
    freeaddrinfo(place);
}

static const char *words(const struct sockaddr_storage *address, socklen_t length, char text[NI_MAXHOST + 40])
{
    char host[NI_MAXHOST], port[32];

    getnameinfo((const struct sockaddr *)address, length, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(text, NI_MAXHOST + 40, "%s port %s", host, port);
    return text;
}

static void *echo(void *unused)
{
    struct sockaddr_storage who;
    char text[NI_MAXHOST + 40], *data = malloc(room);
    struct iovec part = {.iov_base = data};

    for (;;) {
        struct msghdr message = {.msg_name = &who, .msg_namelen = sizeof who, .msg_iov = &part, .msg_iovlen = 1};
        part.iov_len = room;
        ssize_t size = recvmsg(descriptor, &message, MSG_TRUNC);
        if (size < 0) {
            if (errno != EINTR && fail("recvmsg"))
                poll(NULL, 0, 100);
            continue;
        }
        int is_cut = (size_t)size > room;
        printf("%zd bytes from %s%s\n", size, words(&who, message.msg_namelen, text), is_cut ? ", cut" : "");
        part.iov_len = (size_t)size;
        message.msg_flags = 0;
        while (!is_cut && sendmsg(descriptor, &message, 0) < 0)
            if (errno != EINTR && fail("sendmsg"))
                break;
    }
    return unused;
}

static int ask(char *texts[])
{
    static char answer[65536];
    struct pollfd arrival = {.fd = descriptor, .events = POLLIN};

    for (; *texts != NULL; texts++) {
        if (write(descriptor, *texts, strlen(*texts)) < 0)
            return fail("write");
        errno = ETIMEDOUT;
        if (poll(&arrival, 1, 1000) < 1)
            return fail("poll");
        ssize_t size = read(descriptor, answer, sizeof answer);
        if (size < 0)
            return fail("read");
        fwrite(answer, 1, (size_t)size, stdout);
        putchar('\n');
    }
    return 0;
}

int main(int argc, char *argv[])
{
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    if (argc > 1 && strcmp(argv[1], "-c") == 0) {
        if (argc < 5)
            usage("-c without ADDRESS, PORT and TEXT");
        open_socket(argv[2], argv[3], connect, "connect");
        return ask(argv + 4);
    }
    if (argc > 1 && strcmp(argv[1], "-b") == 0) {
        room = number(argc > 2 ? argv[2] : "-b", 1);
        argc -= 2;
        argv += 2;
    }
    if (argc > 3)
        usage(argv[3]);

    const char *port = argc > 1 ? argv[1] : "7890", *host = argc > 2 ? argv[2] : "127.0.0.1";
    char where[100], text[NI_MAXHOST + 40];
    snprintf(where, sizeof where, "bind %s port %s", host, port);
    open_socket(host, port, bind, where);

    struct sockaddr_storage here;
    socklen_t length = sizeof here;
    if (getsockname(descriptor, (struct sockaddr *)&here, &length) < 0)
        return fail("getsockname");
    if (printf("listening on %s\n", words(&here, length, text)) < 0)
        return fail("stdout");

    pthread_t thread;
    for (int i = 0; i < 4; i++)
        if ((errno = pthread_create(&thread, NULL, echo, NULL)) != 0)
            return fail("pthread_create");
    pthread_exit(NULL);
}
