/* io.h - sending all of it. */
#ifndef IO_H
#define IO_H

#include <stddef.h>

/* Sends all size bytes of data, however many calls of send() it takes. Returns 0, or -1 with errno
 * set, when an unknown part of them may have arrived. See send(2). */
int send_all(int descriptor, const void *data, size_t size);

#endif
