/* address.h - socket addresses as text, and text as socket addresses; IPv4 and IPv6. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

/* Room for "ADDRESS port PORT". */
#define ADDRESS_TEXT_SIZE (INET6_ADDRSTRLEN + sizeof " port 65535")

/* Ports are whole numbers from 0 to MAX_PORT. */
enum { MAX_PORT = 65535 };

/* Reads a whole number from 0 to max, or returns -1 if the text is anything else. max is 100
 * million at most, so that an int holds ten times as much. */
int parse_number(const char *text, int max);

/* Fills address from a numeric IPv4 or IPv6 address, see inet_pton(3), and a port. Returns the
 * length that bind() and connect() ask for, or 0 if the text is no address. */
socklen_t parse_address(const char *text, int port, struct sockaddr_storage *address);

/* Writes "ADDRESS port PORT" into text, which has ADDRESS_TEXT_SIZE bytes, and returns it. */
const char *address_text(const struct sockaddr *address, char *text);

#endif
