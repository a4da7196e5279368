#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "errors.h"
#include "io.h"
#include "program.h"

enum { SILENCE_SECONDS = 10, BODY_MAX = 64 << 20, HEAD_SIZE = 2 * LINE_SIZE };

size_t program_length(const char *path)
{
    const char *end = path;

    while (strncmp(end, "//", 2) == 0 || strncmp(end, "/./", 3) == 0)
        end += end[1] == '/' ? 1 : 2; /* or //cgi-bin/ would show what is in there */
    if (strncmp(end, "/cgi-bin", 8) != 0 || strchr("/", end[8]) == NULL)
        return 0;
    end += 8 + strspn(end + 8, "/");
    return (size_t)(end - path) + strcspn(end, "/");
}

/* Receives the body, and has a child write it to the program. Returns where from, or -STATUS. */
static int receive_body(struct reader *reader, int size)
{
    static char body[BODY_MAX]; /* takes no memory but where it is filled */
    int ends[2];
    pid_t child = -1;

    for (int i = 0; i < size; body[i++] = reader->buffer[reader->start++]) {
        if (reader->start == reader->end)
            start_reader(reader, reader->descriptor, SILENCE_SECONDS);
        if (reader->end == 0 && fill_reader(reader) <= 0)
            return errno == ETIMEDOUT ? -408 : -400;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || (size > 0 && (child = fork()) < 0))
        return -503;
    if (close(ends[child != 0]) == 0 && child != 0) /* each has one end */
        return ends[0];
    close(reader->descriptor);
    _exit(send_all(ends[1], body, (size_t)size) < 0); /* EPIPE: it has read enough */
}

/* Sets a variable of our environment, which becomes the program's, to two texts. */
static int set(const char *name, const char *text, size_t length, const char *more)
{
    char value[PATH_MAX + LINE_SIZE];

    snprintf(value, sizeof value, "%.*s%s", (int)length, text, more);
    return setenv(name, value, 1);
}

/* Sets the variables of all that is known. info is the path behind the program's. */
static int note_request(const struct request *request, const struct sockaddr *peer, int client,
                        const struct webroot *root, const char *info)
{
    const char *line = request->line, *query = request->target + request->target_length;
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    char ours[ADDRESS_TEXT_SIZE], theirs[ADDRESS_TEXT_SIZE];
    int failed = getsockname(client, (struct sockaddr *)&address, &size);

    query += *query == '?';
    address_text((struct sockaddr *)&address, ours);
    address_text(peer, theirs);
    return failed | set("GATEWAY_INTERFACE", "CGI/1.1", 7, "") |
           set("SERVER_SOFTWARE", "Tiny webserver", 14, "") |
           set("SERVER_NAME", ours, strcspn(ours, " "), "") |
           set("SERVER_PORT", "", 0, strrchr(ours, ' ') + 1) |
           set("SERVER_PROTOCOL", "", 0, strrchr(line, ' ') + 1) |
           set("REMOTE_ADDR", theirs, strcspn(theirs, " "), "") |
           set("REQUEST_METHOD", line, strcspn(line, " "), "") |
           set("SCRIPT_NAME", "", 0, request->path) | set("PATH_INFO", "", 0, info) |
           set("PATH_TRANSLATED", root->path, *info != '\0' ? PATH_MAX : 0, info) |
           set("QUERY_STRING", query, strcspn(query, " "), "");
}

/* Becomes the program, in a child of ours that is still like us in all else. */
static _Noreturn void become(const char *name, const struct webroot *root, int input, int output)
{
    char path[LINE_SIZE];
    sigset_t none;

    for (int number = 1; number <= 64; number++)
        signal(number, SIG_DFL); /* exec() keeps what is ignored, and what is blocked */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    snprintf(path, sizeof path, "./%s", name);
    DIR *descriptors = opendir("/dev/fd"); /* our own, by their numbers */
    if (fchdir(root->directory) == 0 && chdir("cgi-bin") == 0 && dup2(input, 0) == 0 &&
        dup2(output, 1) == 1 && setpgid(0, 0) == 0 && descriptors != NULL) {
        for (struct dirent *entry; (entry = readdir(descriptors)) != NULL;)
            if (atoi(entry->d_name) > 2 && atoi(entry->d_name) != dirfd(descriptors))
                close(atoi(entry->d_name)); /* and exec() closes that one */
        execl(path, path, (char *)NULL);
    }
    _exit(report("exec %s", name) != 0);
}

/* Sends what the program writes. Returns and sets what run_program() does. */
static int pass_on(struct reader *output, int client, bool no_body, long long *bytes)
{
    char headers[HEAD_SIZE] = "Server: Tiny webserver\r\nConnection: close\r\n";
    char head[HEAD_SIZE + LINE_SIZE], line[LINE_SIZE], said[128] = "", date[64];
    const char *otherwise = "";
    size_t used = strlen(headers);
    int got;

    while ((got = recv_line(output, line, sizeof line)) == 1 && line[0] != '\0') {
        if (strcspn(line, ":") != strcspn(line, ": \t") || line[0] == ':' ||
            used + strlen(line) + 3 > sizeof headers)
            return 502;
        if (strncasecmp(line, "Location:", 9) == 0)
            otherwise = "302 Found";
        else if (strncasecmp(line, "Content-Type:", 13) == 0 && otherwise[0] == '\0')
            otherwise = "200 OK";
        if (strncasecmp(line, "Status:", 7) == 0)
            snprintf(said, sizeof said, "%s", line + 7 + strspn(line + 7, " "));
        else
            used += (size_t)snprintf(headers + used, sizeof headers - used, "%s\r\n", line);
    }
    const char *text = said[0] != '\0' ? said : otherwise;
    if (got != 1 || strspn(text, "0123456789") != 3 || text[0] < '2')
        return got < 0 && errno == ETIMEDOUT ? 504 : 502;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&(time_t){time(NULL)}));
    used = (size_t)snprintf(head, sizeof head, "HTTP/1.0 %.3s %s\r\nDate: %s\r\n%s\r\n", text,
                            text + 3 + strspn(text + 3, " "), date, headers);
    int status = atoi(text);
    bool goes_on = send_all(client, head, used) == 0 && !no_body && status != 204 && status != 304;
    for (*bytes = 0; goes_on && send_all(client, output->buffer + output->start,
                                         output->end - output->start) == 0;) {
        *bytes += (long long)(output->end - output->start);
        start_reader(output, output->descriptor, SILENCE_SECONDS);
        goes_on = fill_reader(output) > 0;
    }
    return status;
}

int run_program(struct reader *reader, const struct sockaddr *peer, struct request *request,
                const struct webroot *root, long long *bytes)
{
    const struct timeval second = {.tv_sec = 1};
    const char *path = request->path + strspn(request->path, "/"), *body = getenv("CONTENT_LENGTH");
    char *end = request->path + program_length(request->path), info[LINE_SIZE];
    int size = body != NULL ? parse_number(body, BODY_MAX) : 0, ends[2];
    struct reader output;

    strcpy(info, end);
    *end = '\0';
    int file = open_beneath(root, request->path);
    if (file < 0 || faccessat(root->directory, path, X_OK, 0) < 0)
        return file_status(errno);
    if (pread(file, info, 0, 0) < 0 || strstr(info, "/..") != NULL)
        return 403;
    if (size < 0 || getenv("HTTP_TRANSFER_ENCODING") != NULL)
        return size < 0 ? 413 : 411; /* how long its input is, a program knows before it starts */
    int input = receive_body(reader, size);
    if (input < 0)
        return -input;
    pid_t child = -1;
    if (note_request(request, peer, reader->descriptor, root, info) != 0 ||
        setsockopt(reader->descriptor, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || (child = fork()) < 0) {
        report("start a program");
        return 503; /* what is open is closed when we end, with this client */
    }
    if (child == 0)
        become(strrchr(path, '/') + 1, root, input, ends[1]);
    close(input);
    close(ends[1]);
    start_reader(&output, ends[0], SILENCE_SECONDS);
    int answer = pass_on(&output, reader->descriptor, request->head, bytes);
    kill(-child, SIGKILL); /* its group. We end soon, too: it is process 1 who buries them */
    return answer;
}
