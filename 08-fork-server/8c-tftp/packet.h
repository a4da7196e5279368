/* packet.h - TFTP's packets, and where they come from and go to. See RFC 1350. */
#ifndef PACKET_H
#define PACKET_H

#include <stdint.h>
#include <sys/socket.h>

enum opcode { RRQ = 1, WRQ, DATA, ACK, ERROR };
enum error { NONE = -1, BAD_MODE, NOT_FOUND, NO_ACCESS, NO_ROOM, ILLEGAL, UNKNOWN_TRANSFER };
enum { HEAD_SIZE = 4, BLOCK_SIZE = 512 };

struct packet {
    uint16_t opcode, number; /* the high byte first; in a request the name begins at number */
    char data[BLOCK_SIZE];
};

struct place {
    struct sockaddr_storage address;
    socklen_t length; /* so many bytes of it are in use */
};

#endif
