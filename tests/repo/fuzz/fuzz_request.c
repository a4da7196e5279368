/* fuzz_request.c - libFuzzer's way into chapter 7's request parser.
 *
 * Each input is what one client sends before it ends its side. It travels over a real socket, so that
 * the reader is tested, too. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "errors.h"
#include "reader.h"
#include "request.h"

const char program[] = "fuzz_request";

static void expect(int holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct reader reader;
    struct request request;
    int ends[2];

    if (size > 32768) /* what the socket's buffer takes without anyone reading */
        return 0;
    expect(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    expect(size == 0 || send(ends[0], data, size, 0) == (ssize_t)size);
    expect(shutdown(ends[0], SHUT_WR) == 0);
    start_reader(&reader, ends[1], 5);

    int status = read_request(&reader, &request);
    expect(status == 0 || status == 200 || (status >= 400 && status <= 505));
    expect(memchr(request.line, '\0', sizeof request.line) != NULL);
    if (status == 200) {
        expect(request.path[0] == '/');
        expect(memchr(request.path, '\0', sizeof request.path) != NULL);
        expect(strlen(request.path) <= request.target_length + 1);
        expect(request.target >= request.line);
        expect(request.target + request.target_length < request.line + sizeof request.line);
        expect(request.target_length <= strlen(request.target));
    }
    close(ends[0]);
    close(ends[1]);
    return 0;
}
