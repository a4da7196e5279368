/* limit [fork] SIZE [FILE]
 *
 * The least a server can do for a request: accept, one recv, one writev, close; with `fork` the
 * same in a child for each connection. It answers everything with the same SIZE bytes; with a FILE
 * it reads them from there each time (open, fstat, read). What no web server can beat, to measure
 * ours against. */
#define _DEFAULT_SOURCE

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_file(const char *path, char *body, size_t size)
{
    struct stat info;
    int file = open(path, O_RDONLY);

    if (file < 0 || fstat(file, &info) < 0 || read(file, body, size) < 0)
        perror("limit: file");
    close(file);
}

static void answer(int client, char *body, size_t size, const char *path)
{
    char request[4096], head[256];

    if (recv(client, request, sizeof request, 0) > 0) {
        if (path != NULL)
            read_file(path, body, size);
        int length = snprintf(head, sizeof head,
                              "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n"
                              "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                              size);
        struct iovec parts[] = {{head, (size_t)length}, {body, size}};
        if (writev(client, parts, 2) < 0)
            perror("limit: writev");
    }
    close(client);
}

int main(int argc, char *argv[])
{
    int forks = argc > 1 && strcmp(argv[1], "fork") == 0;
    size_t size = argc > 1 + forks ? (size_t)atol(argv[1 + forks]) : 1024;
    const char *path = argc > 2 + forks ? argv[2 + forks] : NULL;
    char *body = calloc(1, size);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    signal(SIGPIPE, SIG_IGN);
    if (body == NULL || listener < 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, SOMAXCONN) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0) {
        perror("limit");
        return 1;
    }
    printf("listening on 127.0.0.1 port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            continue;
        if (!forks) {
            answer(client, body, size, path);
            continue;
        }
        if (fork() == 0) {
            close(listener);
            answer(client, body, size, path);
            _exit(0);
        }
        close(client);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ; /* reaped and not ignored, so that their CPU time is added to ours */
    }
}
