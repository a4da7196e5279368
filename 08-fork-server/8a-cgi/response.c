#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64 /* files of 2 GiB and more, on 32-bit systems, too */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "errors.h"
#include "io.h"
#include "response.h"

/* The head of the longest Location fits, and so does a small file with its head. */
enum { BUFFER_SIZE = 2 * LINE_SIZE };

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {301, "Moved Permanently"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Internal Server Error";
}

/* What a file is, from the ending of its name: the client cannot see the name's meaning. */
static const char *content_type(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".htm", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".txt", "text/plain; charset=utf-8"},
        {".md", "text/markdown; charset=utf-8"},
        {".json", "application/json"},
        {".xml", "application/xml"},
        {".pdf", "application/pdf"},
        {".wasm", "application/wasm"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".jpeg", "image/jpeg"},
        {".gif", "image/gif"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".mp3", "audio/mpeg"},
        {".mp4", "video/mp4"},
        {".woff2", "font/woff2"},
    };
    const char *ending = strrchr(path, '.');

    for (size_t i = 0; ending != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(ending, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream"; /* RFC 9110, 8.3: of unknown type, just bytes */
}

/* Writes a time as HTTP wants it, such as Sun, 06 Nov 1994 08:49:37 GMT: RFC 9110, 5.6.7. The year
 * has four digits there, but a file may be of any; for those it returns false. */
static bool format_date(char *text, size_t size, time_t when)
{
    struct tm utc;

    return gmtime_r(&when, &utc) != NULL && utc.tm_year >= 1000 - 1900 &&
           utc.tm_year <= 9999 - 1900 &&
           strftime(text, size, "%a, %d %b %Y %H:%M:%S GMT", &utc) > 0;
}

/* Writes the head of a response: status line, headers (more are the caller's own), empty line.
 * Returns its length. */
static size_t format_head(char *buffer, int status, const char *type, long long length,
                          const char *more)
{
    char date[64] = "";

    format_date(date, sizeof date, time(NULL));
    return (size_t)snprintf(buffer, BUFFER_SIZE,
                            "HTTP/1.0 %d %s\r\n"
                            "Date: %s\r\n"
                            "Server: Tiny webserver\r\n"
                            "Connection: close\r\n"
                            "Content-Type: %s\r\n"
                            "Content-Length: %lld\r\n"
                            "%s"
                            "\r\n",
                            status, reason(status), date, type, length, more);
}

/* Writes the header that a status asks for. For 301 that is the same target with a slash behind its
 * path; and with one slash before it, for //name/ would lead to another host. */
static void format_extra(char *extra, size_t size, const struct request *request, int status)
{
    if (status == 405) {
        snprintf(extra, size, "Allow: GET, HEAD\r\n");
    } else if (status == 301) {
        const char *query = request->target + request->target_length;
        const char *path = request->target + strspn(request->target, "/");

        snprintf(extra, size, "Location: /%.*s/%.*s\r\n", (int)(query - path), path,
                 (int)strcspn(query, " "), query);
    }
}

long long send_status(int client, const struct request *request, int status)
{
    char buffer[BUFFER_SIZE], extra[LINE_SIZE + 32] = "", page[128];
    int page_length =
        snprintf(page, sizeof page, "<!DOCTYPE html>\n<title>%d %s</title>\n<h1>%d %s</h1>\n",
                 status, reason(status), status, reason(status));

    format_extra(extra, sizeof extra, request, status);
    size_t length = format_head(buffer, status, "text/html; charset=utf-8", page_length, extra);
    if (request != NULL && request->head)
        page_length = 0;
    memcpy(buffer + length, page, (size_t)page_length);
    return send_all(client, buffer, length + (size_t)page_length) < 0 ? 0 : page_length;
}

long long send_file(int client, const struct request *request, int file, const struct stat *info)
{
    const struct timeval second = {.tv_sec = 1};
    char buffer[BUFFER_SIZE], date[64], extra[128] = "";
    long long left = request->head ? 0 : info->st_size;
    long long sent = 0;
    time_t now = time(NULL);

    /* A date in the future would be wrong. RFC 9110, 8.8.2.1 */
    if (format_date(date, sizeof date, info->st_mtime < now ? info->st_mtime : now))
        snprintf(extra, sizeof extra, "Last-Modified: %s\r\n", date);
    size_t used = format_head(buffer, 200, content_type(request->path), info->st_size, extra);

    /* One send() does for a small file: it goes into the buffer behind the head. Only a larger one
     * may have to wait for the client, and send_all() must not wait for ever. */
    if (left > BUFFER_SIZE &&
        setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second) < 0)
        report("setsockopt SO_SNDTIMEO");
    do {
        size_t room = sizeof buffer - used;
        ssize_t got = 0;

        if (left > 0)
            got = read(file, buffer + used, left < (long long)room ? (size_t)left : room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && used > 0)
            return -1;
        if (got < 0)
            report("read a file");
        if (got < 0 || send_all(client, buffer, used + (size_t)got) < 0)
            break;
        if (got == 0) /* all is sent, or the file has shrunk: then the client sees bytes missing */
            break;
        used = 0;
        sent += got;
        left -= got;
    } while (left > 0);
    return sent;
}
