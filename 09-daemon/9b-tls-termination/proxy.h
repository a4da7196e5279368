/* proxy.h - whom a proxy speaks for: the header of the PROXY protocol, in front of what its client
 * says. See https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt */
#ifndef PROXY_H
#define PROXY_H

#include <stdbool.h>
#include <sys/socket.h>

#include "reader.h"

/* From now on connections from this address, and only those, begin with a PROXY header, whatever
 * port they come from. With the family AF_UNSPEC it is nobody's. */
void trust_proxy(const struct sockaddr_storage *address);

/* Does a connection from this peer begin with a PROXY header? */
bool is_proxy(const struct sockaddr *peer);

/* Reads a PROXY header of version 1 or 2, and not a byte more. Returns true, and sets client to
 * the address that it names, or to the family AF_UNSPEC if it names none; or returns false if there
 * is no header, or not all of it comes in time. */
bool read_proxy_header(struct reader *reader, struct sockaddr_storage *client);

#endif
