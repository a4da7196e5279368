#define _XOPEN_SOURCE 700

#include "http.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

char root[PATH_MAX];

const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{200, "OK"},
                   {301, "Moved Permanently"},
                   {400, "Bad Request"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {414, "URI Too Long"},
                   {431, "Request Header Fields Too Large"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Internal Server Error";
}

static size_t token(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        "!#$%&'*+-.^_`|~");
}

/* The status that the request line deserves; 0 if it is right so far. */
int judge_request(const char *line, struct seen *seen)
{
    const char *target = line + token(line) + 1, *version;

    if (target == line + 1 || target[-1] != ' ' || (version = strchr(target, ' ')) == NULL ||
        version++ == target)
        return 400;
    if (strlen(version) != 8 || memcmp(version, "HTTP/", 5) != 0 || version[6] != '.' ||
        !isdigit((unsigned char)version[5]) || !isdigit((unsigned char)version[7]))
        return 400;
    if (version[5] != '1')
        return 505;
    seen->needs_host = version[7] != '0';
    size_t length = (size_t)(target - line);

    if (strncmp(line, "GET ", length) == 0 || strncmp(line, "HEAD ", length) == 0)
        return 0;
    seen->method = 501;
    for (const char *known = "POST \0PUT \0DELETE \0CONNECT \0OPTIONS \0TRACE \0PATCH \0"; *known;
         known += strlen(known) + 1)
        if (strlen(known) == length && strncmp(line, known, length) == 0)
            seen->method = 405;
    return 0;
}

int judge_header(char *line, size_t size, struct seen *seen)
{
    char *value = line + token(line), *end = line + size;

    if (++seen->headers > HEADERS)
        return 431;
    if (value == line || *value != ':')
        return 400;
    *value++ = '\0';
    for (char *c = value; c < end; c++)
        if (iscntrl((unsigned char)*c) && *c != '\t')
            return 400;
    value += strspn(value, " \t");
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    if (strcasecmp(line, "Host") == 0)
        return ++seen->hosts > 1 || value[strcspn(value, " \t/?#@")] != '\0' ? 400 : 0;
    if (strcasecmp(line, "Transfer-Encoding") == 0)
        seen->codings++;
    if (strcasecmp(line, "Content-Length") == 0 &&
        (++seen->lengths > 1 || *value == '\0' || value[strspn(value, "0123456789")] != '\0'))
        return 400;
    return seen->lengths > 0 && seen->codings > 0 ? 400 : 0;
}

static int hexadecimal(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {{"html", "text/html; charset=utf-8"},
                                           {"htm", "text/html; charset=utf-8"},
                                           {"css", "text/css; charset=utf-8"},
                                           {"js", "text/javascript; charset=utf-8"},
                                           {"txt", "text/plain; charset=utf-8"},
                                           {"md", "text/markdown; charset=utf-8"},
                                           {"json", "application/json"},
                                           {"xml", "application/xml"},
                                           {"pdf", "application/pdf"},
                                           {"wasm", "application/wasm"},
                                           {"svg", "image/svg+xml"},
                                           {"png", "image/png"},
                                           {"jpg", "image/jpeg"},
                                           {"jpeg", "image/jpeg"},
                                           {"gif", "image/gif"},
                                           {"webp", "image/webp"},
                                           {"ico", "image/x-icon"},
                                           {"mp3", "audio/mpeg"},
                                           {"mp4", "video/mp4"},
                                           {"woff2", "font/woff2"}};
    const char *slash = strrchr(name, '/'), *dot = strrchr(name, '.');

    for (size_t i = 0; dot != NULL && dot > slash && i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(dot + 1, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

static int status_of_errno(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        return 404;
    case EACCES:
    case ELOOP:
    case ENXIO:
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return 503;
    default:
        return 500;
    }
}

/* Where the path leads, links followed. If that is nothing, its last part that is something counts.
 */
static int resolve(const char *path, char *real)
{
    char text[PATH_MAX + LINE];
    size_t length = strlen(root);
    int status = 0;

    snprintf(text, sizeof text, "%s%s", root, path);
    while (realpath(text, real) == NULL) {
        char *slash = strrchr(text, '/');

        status = status != 0 ? status : status_of_errno();
        if (slash == text)
            return status;
        *slash = '\0';
    }
    if (strncmp(real, root, length) != 0 || (real[length] != '/' && real[length] != '\0'))
        return 403;
    return status;
}

/* Does the open file lie in the webroot? What was checked may have been changed before the open(). */
static bool lies_inside(int file)
{
    char name[64], lies[PATH_MAX] = "";
    size_t length = strlen(root);

    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    return readlink(name, lies, sizeof lies - 1) > 0 && strncmp(lies, root, length) == 0 &&
           (lies[length] == '/' || lies[length] == '\0');
}

/* Open the file that the target of a request line means. */
int find(const char *request, struct found *found)
{
    char real[PATH_MAX];
    char path[LINE + 16], *put = path, *part;
    const char *target = strchr(request, ' ') + 1, *end = strrchr(target, ' ');

    for (const char *c = target; c < end; c++)
        if (iscntrl((unsigned char)*c))
            return 400;
    if (strncasecmp(target, "http://", 7) == 0) {
        target += 7;
        if (strcspn(target, "/? ") == 0)
            return 400;
        target += strcspn(target, "/? ");
    } else if (*target != '/') {
        return 400;
    }
    int length = (int)strcspn(target, "? ");

    if (length == 0)
        *put++ = '/';
    for (int i = 0; i < length; i++) {
        *put = target[i];
        if (*put == '%') {
            if (!isxdigit((unsigned char)target[i + 1]) || !isxdigit((unsigned char)target[i + 2]))
                return 400;
            *put = (char)(hexadecimal(target[i + 1]) * 16 + hexadecimal(target[i + 2]));
            i += 2;
        }
        if (*put++ == '\0')
            return 400;
    }
    *put = '\0';
    for (part = path; (part = strstr(part, "/..")) != NULL; part++)
        if (part[3] == '/' || part[3] == '\0')
            return 403;

    bool is_folder = put[-1] == '/';

    if (is_folder)
        strcpy(put, "index.html");

    int status = resolve(path, real);

    if (status != 0)
        return status;
    found->file = open(real, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
    if (found->file < 0)
        return status_of_errno();
    if (!lies_inside(found->file))
        return 403;
    if (fstat(found->file, &found->about) < 0)
        return 500;
    found->type = type_of(path);
    if (S_ISREG(found->about.st_mode))
        return 0;
    if (!S_ISDIR(found->about.st_mode))
        return 403;
    if (is_folder)
        return 403;
    int slashes = (int)strspn(target, "/");

    snprintf(found->location, sizeof found->location, "Location: /%.*s/%.*s\r\n", length - slashes,
             target + slashes, (int)(end - target) - length, target + length);
    return 301;
}
