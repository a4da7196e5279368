/* target.h - what a request asks for. */
#ifndef TARGET_H
#define TARGET_H

#include <stddef.h>

#include "request.h"

/* Takes a target of so many bytes apart: /path?query or http://host/path?query, see RFC 9112, 3.2.
 * Returns 200, and sets the target, its length and the decoded path in request; or returns 400. The
 * target must be a part of request->line: there a space ends it. */
int parse_target(struct request *request, const char *target, size_t length);

#endif
