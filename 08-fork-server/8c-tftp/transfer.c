#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64 /* files of 2 GiB and more, on 32-bit systems, too */

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "address.h"
#include "errors.h"
#include "log.h"
#include "transfer.h"

enum { RESENDS = 5, ANSWER_MS = 1000 };

int open_receiver(const struct place *own)
{
    char text[ADDRESS_TEXT_SIZE];
    const struct sockaddr *address = (const struct sockaddr *)&own->address;
    int receiver = socket(address->sa_family, SOCK_DGRAM, 0);

    if (receiver < 0)
        return report("socket");
    if (bind(receiver, address, own->length) < 0)
        return report("bind %s", address_text(address, text));
    return receiver;
}

ssize_t receive(int receiver, struct packet *packet, struct place *sender)
{
    memset(sender, 0, sizeof *sender); /* so that memcmp() can compare two addresses */
    sender->length = sizeof sender->address;
    /* MSG_DONTWAIT: a datagram that poll() has promised may be damaged, and not come. */
    ssize_t size = recvfrom(receiver, packet, sizeof *packet, MSG_DONTWAIT,
                            (struct sockaddr *)&sender->address, &sender->length);

    if (size < 0 && errno != EINTR && errno != EAGAIN)
        report("recvfrom");
    if (size < HEAD_SIZE)
        packet->opcode = 0;
    return size;
}

/* Sends a packet, or loses it: that may happen on its way, too. */
static void send_packet(int sender, const struct place *to, const struct packet *packet,
                        size_t size)
{
    if (sendto(sender, packet, HEAD_SIZE + size, 0, (const struct sockaddr *)&to->address,
               to->length) < 0)
        report("sendto");
}

const char *send_error(int sender, const struct place *to, enum error error)
{
    static const char *const texts[] = {"mode is not octet", "file not found",
                                        "access violation",  "not possible now",
                                        "illegal operation", "unknown transfer ID"};
    struct packet packet = {htons(ERROR), htons((uint16_t)error), ""};

    strcpy(packet.data, texts[error]);
    send_packet(sender, to, &packet, strlen(texts[error]) + 1); /* with its NUL */
    return texts[error];
}

/* Finds the name in a request: RRQ, name, NUL, mode, NUL. Options may follow, see RFC 2347: a
 * server that has none of them answers as if there were none. */
static enum error read_request(const struct packet *request, size_t size, const char **name)
{
    const char *text = (const char *)request + 2, *end = (const char *)request + size;
    const char *mode = ntohs(request->opcode) == RRQ ? memchr(text, '\0', size - 2) : NULL;

    if (ntohs(request->opcode) == WRQ)
        return NO_ACCESS;
    if (mode++ == NULL || memchr(mode, '\0', (size_t)(end - mode)) == NULL)
        return ILLEGAL;
    *name = text;
    return strcasecmp(mode, "octet") == 0 ? NONE : BAD_MODE;
}

static enum error open_file(const struct webroot *root, const char *name, FILE **file)
{
    struct stat info;
    int descriptor = open_beneath(root, name);

    if (descriptor < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG ? NOT_FOUND : NO_ACCESS;
    if (fstat(descriptor, &info) < 0 || !S_ISREG(info.st_mode))
        return NO_ACCESS;
    *file = fdopen(descriptor, "r");
    return *file != NULL ? NONE : NO_ROOM;
}

static long long milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* nobody sets this clock */
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Waits a second for the ACK of this block. Returns 1 if it has come, 0 if not, -1 for an ERROR. */
static int wait_for_ack(int receiver, const struct place *client, uint16_t block)
{
    struct pollfd readable = {.fd = receiver, .events = POLLIN};
    long long left, deadline = milliseconds() + ANSWER_MS;
    struct packet packet;
    struct place sender;

    while ((left = deadline - milliseconds()) > 0) {
        if (poll(&readable, 1, (int)left) <= 0 || receive(receiver, &packet, &sender) < HEAD_SIZE)
            continue;
        int opcode = ntohs(packet.opcode);
        if (memcmp(&sender.address, &client->address, client->length) != 0) {
            if (opcode != ERROR) /* two that answer errors with errors would never end */
                send_error(receiver, &sender, UNKNOWN_TRANSFER);
        } else if (opcode == ERROR) {
            return -1;
        } else if (opcode == ACK && ntohs(packet.number) == block) {
            return 1;
        } /* An older ACK was on its way twice: to answer it would double all that follows. */
    }
    return 0;
}

/* Sends the file, block after block, each as often as it takes. The last one is the first that is
 * not full, an empty one if need be. bytes becomes how many have arrived. Returns how it ended. */
static const char *send_file(int receiver, const struct place *client, FILE *file, long long *bytes)
{
    struct packet packet = {.opcode = htons(DATA)};
    size_t size = BLOCK_SIZE;

    for (uint16_t block = 1; size == BLOCK_SIZE; block++) { /* after 65535 comes 0 */
        size = fread(packet.data, 1, BLOCK_SIZE, file);     /* read() may do a part of it */
        if (ferror(file))
            return send_error(receiver, client, NO_ROOM);
        packet.number = htons(block);
        int answer = 0;
        for (int sent = 0; answer == 0 && sent <= RESENDS; sent++) {
            send_packet(receiver, client, &packet, size);
            answer = wait_for_ack(receiver, client, block);
        }
        if (answer <= 0)
            return answer < 0 ? "ended by the client" : "no answer";
        *bytes += (long long)size;
    }
    return "sent";
}

void serve_request(const struct packet *request, size_t size, const struct place *client,
                   const struct place *own, const struct webroot *root)
{
    const char *name = "";
    FILE *file = NULL;
    long long bytes = 0;
    enum error error = read_request(request, size, &name);
    int receiver = open_receiver(own);

    if (receiver < 0)
        return;
    if (error == NONE)
        error = open_file(root, name, &file);
    const char *status = error == NONE ? send_file(receiver, client, file, &bytes)
                                       : send_error(receiver, client, error);
    log_transfer((const struct sockaddr *)&client->address, name, status, bytes);
}
