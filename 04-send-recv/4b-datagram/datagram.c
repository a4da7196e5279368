/* datagram [-b BYTES] [PORT [ADDRESS]]
 * datagram -c ADDRESS PORT TEXT...
 *
 * Sends each datagram back to where it came from. With -c it is the other side: it sends each TEXT
 * as a datagram of its own, and prints what comes back. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "errors.h"
#include "listener.h"

const char program[] = "datagram";

/* No datagram is longer: its length is a number of 16 bits, see RFC 768. */
enum { LONGEST = 65535 };

static int usage(const char *input, const char *problem)
{
    fprintf(stderr, "%s: %s: %s\n", program, input, problem);
    fprintf(stderr, "usage: datagram [-b BYTES] [PORT [ADDRESS]]\n"
                    "       datagram -c ADDRESS PORT TEXT...\n");
    return 2;
}

/* Opens a socket for the datagrams that are sent to address; port 0 lets the kernel choose a free
 * port. Returns its descriptor, or -1 after a report. */
static int open_receiver(const struct sockaddr *address, socklen_t length)
{
    char text[ADDRESS_TEXT_SIZE];
    int receiver = socket(address->sa_family, SOCK_DGRAM, 0);

    if (receiver < 0)
        return report("socket");
    if (bind(receiver, address, length) < 0) { /* and no listen(): nobody connects */
        report("bind %s", address_text(address, text));
        close(receiver);
        return -1;
    }
    return receiver;
}

/* Receives one datagram, prints its size and who sent it, and sends it back, unless more was sent
 * than the room bytes that fit into the buffer. */
static void echo(int receiver, char *buffer, size_t room)
{
    struct sockaddr_storage sender;
    socklen_t length = sizeof sender;
    char text[ADDRESS_TEXT_SIZE];
    const struct timespec moment = {.tv_nsec = 100000000};
    /* MSG_TRUNC: return how long it was, and not how much of it has fitted (Linux). */
    ssize_t size = recvfrom(receiver, buffer, room, MSG_TRUNC, (struct sockaddr *)&sender, &length);

    if (size < 0) {
        if (errno != EINTR) {
            report("recvfrom");
            nanosleep(&moment, NULL); /* it may fail again at once: do not spin */
        }
        return;
    }
    int is_cut = (size_t)size > room;
    if (printf("%zd bytes from %s%s\n", size, address_text((struct sockaddr *)&sender, text),
               is_cut ? ", cut" : "") < 0)
        report("stdout");
    if (is_cut)
        return;
    while (sendto(receiver, buffer, (size_t)size, 0, (struct sockaddr *)&sender, length) < 0)
        if (errno != EINTR) {
            report("sendto %s", text); /* whoever it was may ask again */
            return;
        }
}

/* Sends text as one datagram to the socket's peer, and prints the answer. Returns 0, or -1 after a
 * report. */
static int ask(int peer, const char *text)
{
    char answer[LONGEST];
    ssize_t size;

    if (send(peer, text, strlen(text), 0) < 0)
        return report("send");
    do
        size = recv(peer, answer, sizeof answer, 0);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return report("recv");
    fwrite(answer, 1, (size_t)size, stdout);
    if (putchar('\n') == EOF || fflush(stdout) == EOF)
        return report("stdout");
    return 0;
}

/* Asks the one at this address each of the texts, of which the last is NULL. Returns the program's
 * exit status. */
static int ask_all(const struct sockaddr *address, socklen_t length, char *texts[])
{
    const struct timeval second = {.tv_sec = 1};
    int status = 0, peer = socket(address->sa_family, SOCK_DGRAM, 0);

    if (peer < 0) {
        report("socket");
        return 1;
    }
    /* Datagrams get lost: recv() is to give up after a second, with EAGAIN. connect() sends
     * nothing: it notes the address, and takes datagrams from there alone. */
    if (setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second) < 0) {
        report("setsockopt SO_RCVTIMEO");
        status = 1;
    } else if (connect(peer, address, length) < 0) {
        report("connect");
        status = 1;
    }
    for (int i = 0; status == 0 && texts[i] != NULL; i++)
        status = ask(peer, texts[i]) < 0;
    close(peer);
    return status;
}

int main(int argc, char *argv[])
{
    int is_client = 0, room = LONGEST;
    char buffer[LONGEST];
    struct sockaddr_storage address;

    opterr = 0; /* we say it ourselves */
    for (int option; (option = getopt(argc, argv, "b:c")) != -1;) {
        if (option == 'c')
            is_client = 1;
        else if (option != 'b')
            return usage(optopt == '-' ? argv[optind] : (char[]){'-', (char)optopt, '\0'},
                         "no such option, or its value is missing");
        else if ((room = parse_number(optarg, LONGEST)) < 1)
            return usage(optarg, "not a number of bytes from 1 to 65535");
    }
    argv += optind;
    argc -= optind;
    if (is_client && argc < 3)
        return usage("-c", "it needs ADDRESS, PORT and TEXT");
    if (!is_client && argc > 2)
        return usage(argv[2], "one argument too many");
    const char *port_text = is_client ? argv[1] : argc > 0 ? argv[0] : "7890";
    const char *host = is_client ? argv[0] : argc > 1 ? argv[1] : "127.0.0.1";
    int port = parse_number(port_text, MAX_PORT);
    if (port < 0)
        return usage(port_text, "not a port, a whole number from 0 to 65535");
    socklen_t length = parse_address(host, port, &address);
    if (length == 0)
        return usage(host, "not an IPv4 or IPv6 address");
    if (is_client)
        return ask_all((struct sockaddr *)&address, length, argv + 2);

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    /* A reader of our lines that has left, or a file at its limit, is not to end us. */
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGXFSZ, &ignore, NULL) < 0) {
        report("sigaction");
        return 1;
    }
    int receiver = open_receiver((struct sockaddr *)&address, length);
    if (receiver < 0 || print_listening(receiver) < 0)
        return 1;
    for (;;)
        echo(receiver, buffer, (size_t)room);
}
