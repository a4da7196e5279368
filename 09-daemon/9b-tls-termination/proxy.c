#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include "address.h"
#include "proxy.h"

enum {
    LINE_LENGTH = 107,   /* of version 1, at the most, with its CR LF */
    HEAD_SIZE = 16,      /* of version 2: signature, command, family, length */
    IPV4_ADDRESSES = 12, /* two addresses and two ports */
    IPV6_ADDRESSES = 36,
};

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n"; /* no HTTP request begins so */

/* Like the log, it is one for the whole program. */
static struct sockaddr_storage proxy;

void trust_proxy(const struct sockaddr_storage *address)
{
    proxy = *address;
}

/* Writes an address as one of IPv6, without its port. A client of 127.0.0.1 that has come to a
 * listener at :: is ::ffff:127.0.0.1 there, and the same. */
static void as_ipv6(const struct sockaddr *address, struct in6_addr *ipv6)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (address->sa_family == AF_INET6) {
        *ipv6 = ((const struct sockaddr_in6 *)address)->sin6_addr;
        return;
    }
    memcpy(ipv6->s6_addr, mapped, sizeof mapped);
    memcpy(ipv6->s6_addr + sizeof mapped, &((const struct sockaddr_in *)address)->sin_addr, 4);
}

bool is_proxy(const struct sockaddr *peer)
{
    struct in6_addr its, ours;

    as_ipv6(peer, &its);
    as_ipv6((const struct sockaddr *)&proxy, &ours);
    return proxy.ss_family != AF_UNSPEC && memcmp(&its, &ours, sizeof its) == 0;
}

/* Takes the next size bytes. What has come behind them stays in the reader, for the request. */
static bool take(struct reader *reader, void *to, size_t size)
{
    for (char *next = to; size > 0; size--) {
        if (reader->start == reader->end && fill_reader(reader) <= 0)
            return false;
        *next++ = reader->buffer[reader->start++];
    }
    return true;
}

/* Reads an address and a port as version 1 writes them: no zero stands in front of a number. */
static bool parse_client(const char *host, const char *port, sa_family_t family,
                         struct sockaddr_storage *client)
{
    int number = port[0] == '0' && port[1] != '\0' ? -1 : parse_number(port, MAX_PORT);

    return number >= 0 && parse_address(host, number, client) != 0 && client->ss_family == family;
}

/* Judges the line PROXY TCP4 CLIENT SERVER PORT PORT; for IPv6 it says TCP6. */
static bool parse_line(char *line, struct sockaddr_storage *client)
{
    struct sockaddr_storage server;
    char *words[6];
    size_t count = 0;

    if (strcmp(line, "PROXY UNKNOWN") == 0 || strncmp(line, "PROXY UNKNOWN ", 14) == 0)
        return true; /* what else it says is not for us */
    for (char *next = line; next != NULL; count++) {
        if (count == 6)
            return false;
        words[count] = next;
        next = strchr(next, ' '); /* strtok() would take two spaces for one */
        if (next != NULL)
            *next++ = '\0';
    }
    if (count != 6 || strcmp(words[0], "PROXY") != 0)
        return false;
    bool is_ipv6 = strcmp(words[1], "TCP6") == 0;
    if (!is_ipv6 && strcmp(words[1], "TCP4") != 0)
        return false;
    sa_family_t family = is_ipv6 ? AF_INET6 : AF_INET;
    return parse_client(words[3], words[5], family, &server) &&
           parse_client(words[2], words[4], family, client);
}

/* Reads the rest of a line of version 1, whose first byte line has. Here only CR LF ends it. */
static bool read_line(struct reader *reader, char *line, struct sockaddr_storage *client)
{
    size_t length = 1;

    do
        if (length == LINE_LENGTH || !take(reader, line + length, 1))
            return false;
    while (line[length++] != '\n');
    if (line[length - 2] != '\r')
        return false;
    line[length - 2] = '\0';
    return strlen(line) == length - 2 && parse_line(line, client);
}

/* Reads the rest of a header of version 2, whose first byte head has. */
static bool read_binary(struct reader *reader, unsigned char *head, struct sockaddr_storage *client)
{
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)client;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)client;
    unsigned char addresses[IPV6_ADDRESSES];

    if (!take(reader, head + 1, HEAD_SIZE - 1) || memcmp(head, signature, 12) != 0)
        return false;
    /* In 0x21 the 2 is the version, and the 1 says PROXY; 0 would be LOCAL: the proxy speaks for
     * itself. In the next byte 1 or 2 is IPv4 or IPv6, and then 1 is TCP. */
    int kind = head[12] == 0x20 ? 0 : head[13];
    size_t size = kind == 0x11 ? IPV4_ADDRESSES : kind == 0x21 ? IPV6_ADDRESSES : 0;
    size_t length = (size_t)(head[14] << 8 | head[15]);
    if ((head[12] != 0x20 && head[12] != 0x21) || kind >> 4 > 3 || (kind & 0x0f) > 2)
        return false;
    if (length < size || !take(reader, addresses, size))
        return false;
    for (size_t i = size; i < length; i++) /* more may stand there: it is counted, too */
        if (!take(reader, &(char){0}, 1))
            return false;
    if (size == IPV4_ADDRESSES) {
        ipv4->sin_family = AF_INET;
        memcpy(&ipv4->sin_addr, addresses, 4); /* in the network's order, like ours */
        memcpy(&ipv4->sin_port, addresses + 8, 2);
    } else if (size == IPV6_ADDRESSES) {
        ipv6->sin6_family = AF_INET6;
        memcpy(&ipv6->sin6_addr, addresses, 16);
        memcpy(&ipv6->sin6_port, addresses + 32, 2);
    }
    return true;
}

bool read_proxy_header(struct reader *reader, struct sockaddr_storage *client)
{
    char header[LINE_LENGTH] = "";

    memset(client, 0, sizeof *client);
    if (!take(reader, header, 1))
        return false;
    if (header[0] == signature[0])
        return read_binary(reader, (unsigned char *)header, client);
    return header[0] == 'P' && read_line(reader, header, client);
}
