/* dig [-s SERVER] [-p PORT] NAME [TYPE]: asks a name server, and prints what it answers. */
#define _DEFAULT_SOURCE /* POSIX, and getentropy() */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "address.h"
#include "errors.h"
#include "io.h"
#include "message.h"
#include "reader.h"

const char program[] = "dig";

static int usage(const char *bad)
{
    fprintf(stderr, "%s: wrong or missing: %s\n", program, bad);
    fprintf(stderr, "usage: dig [-s SERVER] [-p PORT] NAME [TYPE]\n");
    return 2;
}

/* The first name server of /etc/resolv.conf; if it names none, this machine: see resolv.conf(5). */
static socklen_t find_server(int port, struct sockaddr_storage *address)
{
    char text[INET6_ADDRSTRLEN] = "127.0.0.1";
    FILE *file = fopen("/etc/resolv.conf", "r");

    while (file != NULL && fscanf(file, " nameserver %45s", text) == 0)
        fscanf(file, "%*[^\n]"); /* another line */
    if (file != NULL)
        fclose(file);
    socklen_t length = parse_address(text, port, address);
    return length > 0 ? length : parse_address("127.0.0.1", port, address);
}

/* Receives a datagram, or, by TCP, as many bytes as two before them say. Returns 0, or -1. */
static int receive(struct reader *reader, size_t prefix, struct message *message)
{
    size_t got = 0;

    do {
        errno = EBADMSG; /* should it end too early */
        ssize_t more = fill_reader(reader);
        if (more < 0 || (more == 0 && prefix > 0))
            return -1;
        memcpy((unsigned char *)message + 2 - prefix + got, reader->buffer, (size_t)more);
        got += (size_t)more;
        message->size = prefix > 0 ? (size_t)(message->length[0] << 8 | message->length[1]) : got;
    } while (got < prefix + message->size);
    return 0;
}

/* Whether a message answers this query: it has the same id, says so, and repeats the question. */
static int is_answer(const struct message *message, const struct message *query)
{
    const unsigned char *data = message->data, *ours = query->data;

    return message->size >= query->size && memcmp(data, ours, 2) == 0 && (data[2] & 0xF8) == 0x80 &&
           memcmp(data + 4, ours + 4, 2) == 0 &&
           memcmp(data + 12, ours + 12, query->size - 12) == 0;
}

/* Asks the server, by UDP or TCP. Returns 0, or -1 after a report. */
static int ask(int kind, const struct sockaddr_storage *server, socklen_t length,
               const struct message *query, struct message *answer)
{
    const size_t prefix = kind == SOCK_STREAM ? sizeof query->length : 0;
    const unsigned char *data = (const unsigned char *)query + sizeof query->length - prefix;
    int descriptor = socket(server->ss_family, kind, 0);
    const struct timeval patience = {.tv_sec = 4}; /* or connect() by TCP takes minutes */
    struct reader reader;

    if (descriptor < 0 ||
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
        connect(descriptor, (const struct sockaddr *)server, length) < 0)
        return report("connect");
    for (int seconds = prefix > 0 ? 4 : 1; seconds <= 4; seconds *= 2) {
        if (send_all(descriptor, data, prefix + query->size) < 0)
            return report("send");
        start_reader(&reader, descriptor, seconds);
        while (receive(&reader, prefix, answer) == 0)
            if (is_answer(answer, query))
                return close(descriptor); /* all others are passed over */
        if (errno != ETIMEDOUT)
            break;
    }
    return report("%s", reader.call);
}

int main(int argc, char *argv[])
{
    static const char *const codes[] = {"NODATA",   "FORMERR", "SERVFAIL",
                                        "NXDOMAIN", "NOTIMP",  "REFUSED"};
    static struct message query, answer; /* all 0, and large */
    const char *host = NULL, *port_text = "53";
    struct sockaddr_storage server;

    opterr = 0; /* we say it ourselves */
    for (int option; (option = getopt(argc, argv, "s:p:")) != -1;) {
        if (option == '?')
            return usage(argv[optind - 1]);
        *(option == 's' ? &host : &port_text) = optarg;
    }
    argv += optind;
    argc -= optind;
    int port = parse_number(port_text, MAX_PORT);
    if (argc < 1 || argc > 2 || port < 1)
        return usage(argc < 1 ? "NAME" : argc > 2 ? argv[2] : port_text);
    socklen_t length = host ? parse_address(host, port, &server) : find_server(port, &server);
    const char *bad = length == 0 ? host : make_query(&query, argv[0], argc > 1 ? argv[1] : "A");
    if (bad != NULL)
        return usage(bad);
    if (getentropy(query.data, 2) < 0) /* an id that nobody guesses */
        return -report("getentropy");
    if (ask(SOCK_DGRAM, &server, length, &query, &answer) < 0 ||
        ((answer.data[2] & 2) != 0 && ask(SOCK_STREAM, &server, length, &query, &answer) < 0))
        return 1;
    int count = print_records(&answer, &query), code = answer.data[3] & 15;
    if (count < 0 || fflush(stdout) == EOF)
        return -report(count < 0 ? "answer" : "stdout");
    if (code == 0 && count > 0)
        return 0;
    fprintf(stderr, "%s: %s: code %d (%s)\n", program, argv[0], code, code < 6 ? codes[code] : "?");
    return 1;
}
