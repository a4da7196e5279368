#include <string.h>

#include "packet.h"

/* The network's order is the high byte first, whatever the host's is. */
static void put16(unsigned char *at, uint32_t number)
{
    at[0] = (unsigned char)(number >> 8);
    at[1] = (unsigned char)number;
}

static void put32(unsigned char *at, uint32_t number)
{
    put16(at, number >> 16);
    put16(at + 2, number);
}

static int get16(const unsigned char *at)
{
    return at[0] << 8 | at[1];
}

static uint32_t get32(const unsigned char *at)
{
    return (uint32_t)get16(at) << 16 | (uint32_t)get16(at + 2);
}

/* Adds the words of 16 bits in size bytes, an even number, to a sum. */
static uint32_t add_words(uint32_t sum, const unsigned char *data, size_t size)
{
    for (size_t i = 0; i < size; i += 2)
        sum += (uint32_t)get16(data + i);
    return sum;
}

/* Makes a sum a checksum (RFC 1071): what was carried beyond 16 bits is added at the low end, and
 * all bits are turned. */
static uint32_t finish(uint32_t sum)
{
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

void write_segment(const struct segment *segment, unsigned char ip[IP_HEADER + TCP_HEADER])
{
    unsigned char *tcp = ip + IP_HEADER;

    memset(ip, 0, IP_HEADER + TCP_HEADER);
    /* The kernel fills in length, id and checksum of IP's header, see raw(7). */
    ip[0] = 4 << 4 | IP_HEADER / 4; /* version, and the header's length in words of 32 bits */
    put16(ip + 6, 0x4000);          /* do not fragment */
    ip[8] = 64;                     /* hops that it may take */
    ip[9] = IPPROTO_TCP;
    memcpy(ip + 12, &segment->source, 4);
    memcpy(ip + 16, &segment->destination, 4);

    put16(tcp, (uint32_t)segment->source_port);
    put16(tcp + 2, (uint32_t)segment->destination_port);
    put32(tcp + 4, segment->sequence);
    put32(tcp + 8, segment->acknowledgement);
    tcp[12] = TCP_HEADER / 4 << 4;
    tcp[13] = (unsigned char)segment->flags;
    put16(tcp + 14, (uint32_t)segment->window);
    /* TCP's checksum covers a pseudo header, too: both addresses, the protocol and the length. */
    uint32_t sum = add_words(IPPROTO_TCP + TCP_HEADER, ip + 12, 8);
    put16(tcp + 16, finish(add_words(sum, tcp, TCP_HEADER)));
}

int read_segment(struct segment *segment, const unsigned char *ip, size_t size)
{
    size_t header = size > 0 ? (ip[0] & 0xfu) * 4 : 0; /* with the options of IP, if it has any */

    if (size < IP_HEADER || ip[0] >> 4 != 4 || ip[9] != IPPROTO_TCP || header < IP_HEADER ||
        size < header + TCP_HEADER || (size_t)get16(ip + 2) != size)
        return -1;
    const unsigned char *tcp = ip + header;

    memcpy(&segment->source, ip + 12, 4);
    memcpy(&segment->destination, ip + 16, 4);
    segment->source_port = get16(tcp);
    segment->destination_port = get16(tcp + 2);
    segment->sequence = get32(tcp + 4);
    segment->acknowledgement = get32(tcp + 8);
    segment->flags = tcp[13];
    segment->window = get16(tcp + 14);
    return 0;
}
