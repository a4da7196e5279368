/* response.h - answering an HTTP request. See RFC 9110 and RFC 9112 (and RFC 1945, HTTP/1.0). */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <sys/stat.h>

#include "request.h"

/* Sends a short page that says no more than the status. For 301 and 405 the head also says where
 * to go and what is allowed. request may be NULL if it was never read. Returns the number of bytes
 * of the page sent. What cannot be sent is nobody's fault: the client has left. */
long long send_status(int client, const struct request *request, int status);

/* Sends an open file, of which info is what fstat(2) says, with the content type that the path's
 * ending stands for. Returns the number of bytes of the file sent; or -1 with errno if the file
 * cannot be read, and then nothing was sent. */
long long send_file(int client, const struct request *request, int file, const struct stat *info);

/* Sends a page of so many bytes of HTML that we have made. Returns the number of bytes sent. */
long long send_page(int client, const struct request *request, const char *page, size_t size);

#endif
