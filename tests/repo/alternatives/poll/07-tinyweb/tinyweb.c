/* The web server in one process that never waits for one client: each is a small state machine,
 * which gets its request byte by byte. A spare descriptor is kept for saying 503 when there is no
 * other. */
#define _XOPEN_SOURCE 700

#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 400, DRAIN = 64 << 20, HOST = 64, PORT = 8 };
enum phase { FREE, READING, SENDING, DRAINING };

static struct client {
    enum phase phase;
    int socket, file;
    long long until, drained, file_left, sent;
    int status;
    bool begun, forgiven, has_request;
    struct seen seen;
    size_t used, head, start, end;
    char peer[HOST + PORT + 8], request[LINE + 1], line[LINE + 1], out[16384];
} clients[CLIENTS];

static int spare = -1;

static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static void complain(const char *what, const char *which)
{
    static const char *const symbols[] = {[EACCES] = "EACCES",
                                          [EADDRINUSE] = "EADDRINUSE",
                                          [EADDRNOTAVAIL] = "EADDRNOTAVAIL",
                                          [EMFILE] = "EMFILE",
                                          [ENFILE] = "ENFILE",
                                          [ENOENT] = "ENOENT",
                                          [ENOTDIR] = "ENOTDIR",
                                          [EINVAL] = "EINVAL",
                                          [ENOMEM] = "ENOMEM",
                                          [ENAMETOOLONG] = "ENAMETOOLONG"};
    int error = errno;
    bool known = error < (int)(sizeof symbols / sizeof symbols[0]) && symbols[error] != NULL;

    fprintf(stderr, "tinyweb: %s%s: %s (%s)\n", what, which, strerror(error),
            known ? symbols[error] : "E?");
}

static void forget(struct client *client)
{
    if (client->file >= 0)
        close(client->file);
    close(client->socket);
    client->phase = FREE;
    if (spare < 0)
        spare = open("/dev/null", O_RDONLY);
}

static void enter_log(const struct client *client)
{
    long long body = client->sent - (long long)client->head;

    printf("%s \"", client->peer);
    for (const char *c = client->request; *c != '\0' && c < client->request + 1000; c++)
        printf(*c >= ' ' && *c <= '~' && *c != '"' && *c != '\\' ? "%c" : "\\x%02x",
               (unsigned char)*c);
    printf("\" %d %lld\n", client->status, body > 0 ? body : 0);
}

/* The head, with further headers, and the page of an error; or the head of a file. */
static void reply(struct client *client, int status, const char *more, const struct stat *file,
                  const char *type)
{
    char date[64], modified[64] = "", page[200] = "";
    struct tm tm;
    time_t time_now = time(NULL);
    bool has_body = strncmp(client->request, "HEAD ", 5) != 0;

    if (file == NULL)
        snprintf(page, sizeof page, "<!DOCTYPE html><title>%d</title><p>%d %s\n", status, status,
                 reason(status));
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&time_now, &tm));
    if (file != NULL)
        strftime(modified, sizeof modified, "Last-Modified: %a, %d %b %Y %H:%M:%S GMT\r\n",
                 gmtime_r(&file->st_mtime, &tm));
    client->head = (size_t)snprintf(
        client->out, sizeof client->out,
        "HTTP/1.0 %d %s\r\nServer: Tiny webserver\r\nConnection: close\r\nDate: %s\r\n%s%s"
        "Content-Type: %s\r\nContent-Length: %lld\r\n\r\n",
        status, reason(status), date, modified, more, type,
        file != NULL ? (long long)file->st_size : (long long)strlen(page));
    client->start = 0;
    client->end = client->head;
    client->file_left = file != NULL && has_body ? file->st_size : 0;
    if (has_body)
        client->end += (size_t)snprintf(client->out + client->head,
                                        sizeof client->out - client->head, "%s", page);
    client->status = status;
    client->phase = SENDING;
    client->until = now() + 60000;
}

static void refuse(struct client *client, int status, const char *more)
{
    if (!client->has_request) { /* what there is of it */
        memcpy(client->request, client->line, client->used);
        client->request[client->used] = '\0';
        for (size_t i = 0; i < client->used; i++)
            if (client->request[i] == '\0')
                client->request[i] = '\1'; /* it cannot be shown anyway */
    }
    reply(client, status, more, NULL, "text/html; charset=utf-8");
}

static void serve(struct client *client)
{
    struct found found = {.file = -1};
    int status = client->seen.needs_host && client->seen.hosts == 0 ? 400 : client->seen.method;

    if (status == 0)
        status = find(client->request, &found);
    client->file = found.file;
    if (status == 0)
        reply(client, 200, "", &found.about, found.type);
    else
        refuse(client, status, status == 405 ? "Allow: GET, HEAD\r\n" : found.location);
}

static void take_line(struct client *client)
{
    int status = 0;
    size_t size = client->used;

    if (size > 0 && client->line[size - 1] == '\r')
        size--;
    client->line[size] = '\0';
    if (memchr(client->line, '\0', size) != NULL) {
        refuse(client, 400, "");
        return;
    }
    client->used = 0;
    if (client->has_request && size == 0) {
        serve(client);
    } else if (client->has_request) {
        status = judge_header(client->line, size, &client->seen);
    } else if (size > 0 || client->forgiven) {
        status = judge_request(client->line, &client->seen);
        strcpy(client->request, client->line);
        client->has_request = true;
    } else {
        client->forgiven = true;
    }
    if (status != 0)
        refuse(client, status, "");
}

static void hear(struct client *client)
{
    char data[16384];
    ssize_t size = recv(client->socket, data, sizeof data, 0);

    if (size < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (size > 0)
        client->begun = true;
    if (size < 0 || (size == 0 && !client->begun)) {
        forget(client);
    } else if (client->phase == DRAINING) {
        if (size == 0 || (client->drained += size) > DRAIN)
            forget(client);
    } else if (size == 0) {
        refuse(client, 400, "");
    }
    for (ssize_t i = 0; i < size && client->phase == READING; i++) {
        if (data[i] == '\n')
            take_line(client);
        else if (client->used == LINE - 1)
            refuse(client, client->has_request ? 431 : 414, "");
        else
            client->line[client->used++] = data[i];
    }
}

static void finish(struct client *client)
{
    enter_log(client);
    client->phase = DRAINING; /* or a reset might overtake the answer */
    client->until = now() + 1000;
    if (shutdown(client->socket, SHUT_WR) < 0)
        forget(client);
}

static void speak(struct client *client)
{
    if (client->file_left > 0 && client->end < sizeof client->out) {
        size_t room = sizeof client->out - client->end;
        ssize_t size = read(client->file, client->out + client->end,
                            client->file_left < (long long)room ? (size_t)client->file_left : room);

        client->file_left = size > 0 ? client->file_left - size : 0;
        client->end += size > 0 ? (size_t)size : 0;
    }
    ssize_t size = send(client->socket, client->out + client->start, client->end - client->start,
                        MSG_NOSIGNAL);

    if (size < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (size < 0) {
        enter_log(client);
        forget(client);
        return;
    }
    client->sent += size;
    client->start += (size_t)size;
    client->until = now() + 60000;
    if (client->start == client->end)
        client->start = client->end = 0;
    if (client->end == 0 && client->file_left == 0)
        finish(client);
}

static void give_up(struct client *client)
{
    if (client->phase == READING) {
        refuse(client, 408, "");
        return;
    }
    if (client->phase == SENDING)
        enter_log(client);
    forget(client);
}

/* Returns when the listener may be asked again: at once, or after a while if there is no room. */
static long long welcome(int listener, struct client *client)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    char host[HOST], port[PORT];
    int status = 0, descriptor = accept(listener, (struct sockaddr *)&peer, &size);

    if (descriptor < 0 && (errno == EMFILE || errno == ENFILE)) {
        complain("accept", "");
        if (spare < 0)
            return now() + 200;
        close(spare); /* it comes back when this client, or another, has left */
        spare = -1;
        status = 503;
        descriptor = accept(listener, (struct sockaddr *)&peer, &size);
    }
    if (descriptor < 0)
        return errno == ENOMEM || errno == ENOBUFS ? now() + 200 : 0;
    *client = (struct client){.phase = READING, .socket = descriptor, .file = -1};
    client->until = now() + 8000;
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    getnameinfo((struct sockaddr *)&peer, size, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(client->peer, sizeof client->peer, "%s port %s", host, port);
    if (status != 0)
        refuse(client, status, "");
    return 0;
}

static void run(int listener)
{
    long long closed_until = 0;

    for (;;) {
        struct pollfd wait[CLIENTS + 1];
        struct client *whose[CLIENTS + 1], *room = NULL;
        nfds_t count = 0;
        long long time = now(), next = closed_until > time ? closed_until : LLONG_MAX;

        for (struct client *client = clients; client < clients + CLIENTS; client++) {
            if (client->phase != FREE && client->until <= time)
                give_up(client);
            if (client->phase == FREE) {
                room = client;
                continue;
            }
            next = client->until < next ? client->until : next;
            whose[count] = client;
            wait[count++] = (struct pollfd){.fd = client->socket,
                                            .events = client->phase == SENDING ? POLLOUT : POLLIN};
        }
        wait[count] = (struct pollfd){.fd = room != NULL && closed_until <= time ? listener : -1,
                                      .events = POLLIN};
        if (poll(wait, count + 1, next == LLONG_MAX ? -1 : (int)(next - time) + 1) < 0)
            continue;
        for (nfds_t i = 0; i < count; i++)
            if (wait[i].revents != 0)
                (whose[i]->phase == SENDING ? speak : hear)(whose[i]);
        if (wait[count].revents != 0)
            closed_until = welcome(listener, room);
    }
}

static int misused(const char *why, const char *argument)
{
    if (why != NULL)
        fprintf(stderr, "tinyweb: %s: '%s'\n", why, argument);
    fprintf(stderr, "usage: tinyweb [-a ADDRESS] [-p PORT] [WEBROOT]\n");
    return 2;
}

static int failed(const char *what, const char *which)
{
    complain(what, which);
    return 1;
}

int main(int argc, char **argv)
{
    const char *address = "127.0.0.1", *port = "8080";
    char beside[PATH_MAX], text[HOST + PORT + 8], host[HOST], number[PORT];
    struct addrinfo *info, hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct sockaddr_storage own;
    socklen_t size;
    struct stat about;
    int option, listener;

    while ((option = getopt(argc, argv, "a:p:")) != -1) {
        if (option == '?')
            return misused(NULL, NULL);
        *(option == 'a' ? &address : &port) = optarg;
    }
    if (*port == '\0' || strlen(port) > 5 || port[strspn(port, "0123456789")] || atoi(port) > 65535)
        return misused("not a port", port);
    if (argc - optind > 1)
        return misused("too much", argv[optind + 1]);
    if (getaddrinfo(address, port, &hints, &info) != 0)
        return misused("not an address", address);
    memcpy(&own, info->ai_addr, info->ai_addrlen);
    size = info->ai_addrlen;
    freeaddrinfo(info);
    char *slash = strrchr(argv[0], '/');
    snprintf(beside, sizeof beside, "%.*swebroot", slash ? (int)(slash - argv[0]) + 1 : 0, argv[0]);
    const char *folder = optind < argc ? argv[optind] : beside;
    if (realpath(folder, root) == NULL || stat(root, &about) < 0)
        return failed("the webroot ", folder);
    errno = ENOTDIR;
    if (!S_ISDIR(about.st_mode))
        return failed("the webroot ", folder);
    if (strcmp(root, "/") == 0)
        *root = '\0'; /* every path begins with its slash */

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    snprintf(text, sizeof text, "%s port %s", address, port);
    listener = socket(own.ss_family, SOCK_STREAM, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0)
        return failed("socket", "");
    if (bind(listener, (struct sockaddr *)&own, size) < 0)
        return failed("bind ", text);
    size = sizeof own;
    if (listen(listener, SOMAXCONN) < 0 || fcntl(listener, F_SETFL, O_NONBLOCK) < 0 ||
        getsockname(listener, (struct sockaddr *)&own, &size) < 0)
        return failed("listen on ", text);
    getnameinfo((struct sockaddr *)&own, size, host, sizeof host, number, sizeof number,
                NI_NUMERICHOST | NI_NUMERICSERV);
    spare = open("/dev/null", O_RDONLY);
    printf("listening on %s port %s\n", host, number);
    run(listener);
}
