/* packet.h - a TCP segment in an IPv4 packet, made and read by hand. See RFC 791 and RFC 9293. */
#ifndef PACKET_H
#define PACKET_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/* Three of the bits in TCP's byte of flags. */
enum { SYN = 0x02, RST = 0x04, ACK = 0x10 };

/* Bytes of the two headers, neither of which has options. */
enum { IP_HEADER = 20, TCP_HEADER = 20 };

/* What a segment's headers say. Numbers are the host's, addresses are in network order. */
struct segment {
    struct in_addr source, destination;
    int source_port, destination_port;
    uint32_t sequence, acknowledgement;
    int flags, window;
};

/* Writes a packet, which begins with the header of IP: this segment's headers, and no data. */
void write_segment(const struct segment *segment, unsigned char ip[IP_HEADER + TCP_HEADER]);

/* Reads a packet of size bytes. Returns 0, or -1 if it is no TCP segment, or not all of one. */
int read_segment(struct segment *segment, const unsigned char *ip, size_t size);

#endif
