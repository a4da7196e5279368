#define _POSIX_C_SOURCE 200809L

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "errors.h"
#include "program.h"
#include "request.h"
#include "target.h"

/* What recv_line() tells us, as a status code; too_long is the one for a line that does not fit. */
static int read_status(const struct reader *reader, int got, int too_long)
{
    if (got > 0)
        return 200;
    if (got == 0)
        return 400; /* ended in the middle */
    switch (errno) {
    case EBADMSG:
        return 400;
    case ETIMEDOUT:
        return 408;
    case EMSGSIZE:
        return too_long;
    case ECONNRESET: /* the client is gone, and with it whom to answer */
        return 0;
    default:
        report("%s", reader->call);
        return 0;
    }
}

/* How much of text, from its start, is letters, digits and these marks. */
static size_t word_length(const char *text, const char *marks)
{
    size_t length = 0;

    while (text[length] != '\0' &&
           (isalnum((unsigned char)text[length]) || strchr(marks, text[length]) != NULL))
        length++;
    return length;
}

/* The length of the token at the start of text: a method or a header's name. RFC 9110, 5.6.2. */
static size_t token_length(const char *text)
{
    return word_length(text, "!#$%&'*+-.^_`|~");
}

/* Is this what a Host line may say: a name or an address, and perhaps a port? It may be empty. RFC
 * 9110, 7.2; RFC 3986, 3.2.2. */
static bool is_host(const char *text)
{
    if (*text == '[') {
        text += 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
        if (*text++ != ']')
            return false;
    } else {
        text += word_length(text, "!$%&'()*+,-.;=_~");
    }
    if (*text == ':')
        text += 1 + strspn(text + 1, "0123456789");
    return *text == '\0';
}

/* Judges the method, which is a token. */
static int method_status(const struct request *request)
{
    static const char *const known[] = {"POST ",    "PUT ",   "DELETE ", "CONNECT ",
                                        "OPTIONS ", "TRACE ", "PATCH "};

    if (request->head || strncmp(request->line, "GET ", 4) == 0 ||
        (strncmp(request->line, "POST ", 5) == 0 && program_length(request->path) > 0))
        return 200;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strncmp(request->line, known[i], strlen(known[i])) == 0)
            return 405;
    return 501;
}

/* Judges the request line, METHOD target HTTP/1.x, but for the method. RFC 9112, 3. */
static int parse_request_line(struct request *request)
{
    const char *line = request->line;
    size_t method_length = token_length(line);
    const char *target = line + method_length + 1;
    const char *last_space = strrchr(line, ' ');

    if (method_length == 0 || line[method_length] != ' ' || *target == ' ' || last_space < target)
        return 400;
    const char *version = last_space + 1;
    if (strncmp(version, "HTTP/", 5) != 0 || !isdigit((unsigned char)version[5]) ||
        version[6] != '.' || !isdigit((unsigned char)version[7]) || version[8] != '\0')
        return 400;
    if (version[5] != '1')
        return 505;
    request->minor_version = version[7] - '0';
    if (method_status(request) != 200 && strncmp(line, "POST ", 5) != 0)
        return 200; /* its target may have a form of its own, such as * */
    return parse_target(request, target, (size_t)(last_space - target));
}

/* Sets the variable of a header in our environment, which becomes the program's. */
static int note_header(const char *name, const char *value)
{
    char variable[LINE_SIZE + 8] = "HTTP_", *own = variable, list[2 * LINE_SIZE];

    /* Passwords are not for programs, and HTTP_PROXY would say whom they are to fetch through. */
    if (strcasecmp(name, "Authorization") == 0 || strncasecmp(name, "Proxy", 5) == 0 ||
        name[word_length(name, "-")] != '\0') /* X_Y would be taken for X-Y */
        return 200;
    if (strcasecmp(name, "Content-Length") == 0 || strcasecmp(name, "Content-Type") == 0)
        own += 5;
    for (size_t i = 0; name[i] != '\0'; i++)
        variable[i + 5] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
    const char *before = getenv(own); /* lines of one name are a list. RFC 9110, 5.3 */
    if (snprintf(list, sizeof list, "%s%s%s", before != NULL ? before : "",
                 before != NULL ? ", " : "", value) > LINE_SIZE)
        return 431;
    return setenv(own, list, 1) < 0 ? 503 : 200;
}

/* Judges one header line, and notes those of which something follows for us. RFC 9112, 5 and 6.
 * Whoever lets a bad one pass may understand another request than the proxy before it did. */
static int parse_header(struct request *request, char *line)
{
    size_t name_length = token_length(line);
    char *value = line + name_length + 1;
    char *end = line + strlen(line);

    if (name_length == 0 || line[name_length] != ':')
        return 400;
    for (const char *c = value; *c != '\0'; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return 400;
    value += strspn(value, " \t");
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';

    line[name_length] = '\0';
    if (strcasecmp(line, "Host") == 0) {
        if (++request->hosts > 1 || !is_host(value))
            return 400;
    } else if (strcasecmp(line, "Content-Length") == 0) {
        if (++request->lengths > 1 || *value == '\0' || value[strspn(value, "0123456789")] != '\0')
            return 400;
        request->has_body = value[strspn(value, "0")] != '\0';
    } else if (strcasecmp(line, "Transfer-Encoding") == 0) {
        /* We know one coding. RFC 9112, 6.3: 400 if chunked is not the last; 6.1 would have 501 for
         * one before it. It is all the same to us. */
        if (++request->lengths > 1 || strcasecmp(value, "chunked") != 0)
            return 400;
        request->has_body = true;
    }
    return program_length(request->path) > 0 ? note_header(line, value) : 200;
}

int read_request(struct reader *reader, struct request *request)
{
    char line[LINE_SIZE];

    request->hosts = request->lengths = 0;
    request->path[0] = '\0';
    request->has_body = false;
    int got = recv_line(reader, request->line, sizeof request->line);
    if (got == 0 && request->line[0] == '\0')
        return 0;
    if (got == 1 && request->line[0] == '\0') /* an empty line before the request is forgiven */
        got = recv_line(reader, request->line, sizeof request->line);
    request->head = strncmp(request->line, "HEAD ", 5) == 0; /* whatever else is wrong with it */
    int status = read_status(reader, got, 414);
    if (status == 200)
        status = parse_request_line(request);

    for (int headers = 0; status == 200; headers++) {
        status = read_status(reader, recv_line(reader, line, sizeof line), 431);
        if (status == 200 && line[0] == '\0')
            break;
        if (status == 200)
            status = headers < HEADERS_MAX ? parse_header(request, line) : 431;
    }
    if (status == 200 && request->minor_version > 0 && request->hosts == 0)
        return 400; /* RFC 9112, 3.2: HTTP/1.1 without a Host line */
    /* Last: what is malformed is so with any method. RFC 9112, 3.2 and 6.3. */
    return status == 200 ? method_status(request) : status;
}
