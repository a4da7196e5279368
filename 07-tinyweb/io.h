/* io.h - sending all of it. */
#ifndef IO_H
#define IO_H

#include <stddef.h>

/* So long a peer may take nothing, if SO_SNDTIMEO is one second. */
enum { STALL_SECONDS = 60 };

/* Sends all size bytes of data, however many calls of send() it takes. Returns 0, or -1 with errno
 * set, when an unknown part of them may have arrived; EAGAIN means that the peer took nothing for
 * STALL_SECONDS. See send(2), and SO_SNDTIMEO in socket(7). */
int send_all(int descriptor, const void *data, size_t size);

#endif
