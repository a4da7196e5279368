"""Wrong versions of 8b-keep-alive."""

from mutants import Mutant

S, Q, A, C, M = "serve.c", "request.c", "response.c", "children.c", "keep-alive.c"
LOOP = "    while (next == STAY)\n        next = await_request(&reader, stop) ? answer(&reader, peer, root) : CLOSE;\n"
READ = "    int status = read_next_request(reader, &request, &stays);\n"
DEADLINE = "    clock_gettime(CLOCK_MONOTONIC, &reader->deadline);\n    reader->deadline.tv_sec += REQUEST_SECONDS;\n"
STAYS = "    *stays = status == 200 && !request->has_body && !options.close &&\n             (request->minor_version > 0 || options.keep_alive);\n"
LOG = "    log_request(peer, request.line, status, bytes);\n"
NODELAY = "setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0"
NOTE = "    while (*(value += strspn(value, \", \\t\")) != '\\0') {\n"
CLOSE = '        if (length == strlen("close") && strncasecmp(value, "close", length) == 0)\n'
KEEP = '        if (length == strlen("keep-alive") && strncasecmp(value, "keep-alive", length) == 0)\n'
BUFFERED = "        if (!is_idle)\n            break;\n"
QUIET = "        if (ready == 0 || (ready > 0 && ends[0].revents == 0))\n            return false;\n"
SAID = 'stays ? "keep-alive" : "close"'
IDLE = "is_idle && left > 0 ? (int)left : 0"


def first(status, body="stays = false;"):
    """answer() as it is, but for what stands before the file is looked for."""
    return READ + "    if (%s)\n        %s\n" % (status, body)


MUTANTS = [
    Mutant("the connection ends behind the first answer", S, LOOP, "    next = CLOSE;\n", "test_stays", "closes the connection behind"),
    Mutant("the answer is HTTP/1.0", A, '"HTTP/1.1 %d', '"HTTP/1.0 %d', "test_stays", "begins with HTTP/1.1"),
    Mutant("only HTTP/1.1 stays", Q, "(request->minor_version > 0 || options.keep_alive)", "(request->minor_version == 1 || options.keep_alive)", "test_stays_behind_errors", "1.2 to 1.9"),
    Mutant("a length of 0 is a body", Q, "        request->has_body = value[strspn(value, \"0\")] != '\\0';\n", "        request->has_body = true;\n", "test_stays_behind_errors", "announces no body"),
    Mutant("only a 200 stays", S, "    if (stays)\n        return STAY;\n", "    if (stays && status == 200)\n        return STAY;\n", "test_stays_behind_errors", "may follow"),
    Mutant("no Content-Length", A, '                            "Content-Length: %lld\\r\\n"\n', '                            "Length: %lld\\r\\n"\n', "test_stays", "only Content-Length tells"),
    Mutant("start_reader() for each request", S, "    if (stays)\n        return STAY;\n", "    if (stays)\n        reader->start = reader->end = 0;\n    if (stays)\n        return STAY;\n", "test_pipelined", "is thrown away"),
    Mutant("the buffer is not looked at", S, BUFFERED, "", "test_pipelined", "waits for more"),
    Mutant("a deadline for the first request only", S, DEADLINE, "", "test_idle", "begin with its first byte"),
    Mutant("a request comes with one recv()", S, "    return true;\n}\n\n/* Reads one request and answers", "    return memchr(reader->buffer + reader->start, '\\n', reader->end - reader->start) != NULL;\n}\n\n/* Reads one request and answers",
           "test_pipelined", "in any pieces"),
    Mutant("HEAD with a body", A, "request->head ? 0 : info->st_size", "info->st_size", "test_head", "takes them for the next answer"),
    Mutant("HEAD of an error with a body", A, "    if (request != NULL && request->head)\n        page_length = 0;\n", "", "test_head", "whatever the status"),
    Mutant("HEAD closes", S, READ, first("request.head"), "test_head", "then the connection stays"),
    Mutant("the body is the next request", Q, "!request->has_body && ", "", "test_bodies", "Content-Length announces"),
    Mutant("the chunks are the next request", Q, "        request->has_body = true;\n", "", "test_bodies", "Chunks are a body"),
    Mutant("the body of POST is the next request", Q, STAYS, "    *stays = (status == 405 || (status == 200 && !request->has_body)) && !options.close &&\n             (request->minor_version > 0 || options.keep_alive);\n",
           "test_bodies", "may have a body all the same"),
    Mutant("no answer where there is a body", S, READ, first("request.has_body", "return CLOSE;"), "test_bodies", "is answered as any other"),
    Mutant("a 400 stays", S, READ, first("status == 400", "stays = true;"), "test_malformed", "After a 400 nobody"),
    Mutant("a 431 stays", S, READ, first("status == 414 || status == 431", "stays = true;"), "test_malformed", "408, 414 and 431"),
    Mutant("two lengths pass", Q, "if (++request->lengths > 1 || *value == '\\0' ||", "if (*value == '\\0' ||", "test_malformed", "where two readers differ"),
    Mutant("a length with a sign", Q, '"0123456789")] != \'\\0\')\n            return 400;\n        request', '"+0123456789")] != \'\\0\')\n            return 400;\n        request', "test_malformed", "where two readers differ"),
    Mutant("a space before the colon", Q, "    if (name_length == 0 || line[name_length] != ':')\n        return 400;\n",
           "    while (line[name_length] == ' ')\n        value++, name_length++;\n    if (name_length == 0 || line[name_length] != ':')\n        return 400;\n", "test_malformed", "where two readers differ"),
    Mutant("Nagle", S, NODELAY, "client < 0", "test_waits_for_no_acknowledgement", "TCP_NODELAY"),
    Mutant("head and body in two sends", A, "        size_t room = sizeof buffer - used;\n", "        if (used > 0 && setsockopt(client, 6, 1, &(int){0}, sizeof(int)) == 0 && send_all(client, buffer, used) == 0)\n            used = 0;\n        size_t room = sizeof buffer - used;\n",
           "test_waits_for_no_acknowledgement", "with one send()"),
    Mutant("a client that never reads has its child for ever", S, "        setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second) < 0)\n", "        second.tv_sec < 1)\n",
           "test_gives_up_who_never_reads", "unless SO_SNDTIMEO"),
    Mutant("one client after another", C, "        children->pids[children->running++] = child;\n", "        waitpid(child, NULL, 0);\n", "test_serves_as_chapter_8_does", "has its own child"),
    Mutant("closed with bytes unread", S, "    if (next == DRAIN)\n        drain(client);\n", "    if (next == DRAIN && 0)\n        drain(client);\n", "test_serves_as_chapter_8_does", "destroys the answer"),
    Mutant("the files stay open", S, "    if (file >= 0)\n        close(file);\n    log_request", "    log_request", "test_serves_as_chapter_8_does", "close() each file"),
    Mutant("POST is a 501", Q, "            return 405;\n", "            return 501;\n", "test_serves_as_chapter_8_does", "lost on the way"),
    Mutant("the log knows the first request only", S, LOG, "    static int logged;\n    if (logged++ == 0)\n        log_request(peer, request.line, status, bytes);\n", "test_log", "into the loop"),

    Mutant("Connection is not read", Q, "        note_options(options, value);\n", "        (void)options;\n", "test_connection_close", "waits for it"),
    Mutant("close in small letters alone", Q, CLOSE, CLOSE.replace("strncasecmp", "strncmp"), "test_connection_close", "is a list"),
    Mutant("a tab ends no word", Q, '        size_t length = strcspn(value, ", \\t");\n', '        size_t length = strcspn(value, ", ");\n', "test_connection_close", "blanks and tabs"),
    Mutant("the whole line is the word", Q, NOTE, "    if (strcasecmp(value, \"close\") == 0 || strcasecmp(value, \"keep-alive\") == 0) {\n", "test_connection_close", "is a list"),
    Mutant("a part of a word", Q, CLOSE, '        if (length >= 5 && (strncasecmp(value, "close", 5) == 0 || strncasecmp(value + length - 5, "close", 5) == 0))\n', "test_connection_close", "compared whole"),
    Mutant("the answer never says close", A, SAID, 'stays ? "keep-alive" : "keep-alive"', "test_connection_close", "The answer, too"),
    Mutant("the last Connection line counts", Q, NOTE, "    options->close = options->keep_alive = false;\n" + NOTE, "test_connection_close", "a close in one of them"),
    Mutant("HTTP/1.0 stays", Q, "(request->minor_version > 0 || options.keep_alive)", "request->minor_version >= 0", "test_http_1_0", "ends the connection, unless"),
    Mutant("HTTP/1.0 never stays", Q, "(request->minor_version > 0 || options.keep_alive)", "request->minor_version > 0", "test_http_1_0", "does not know that"),
    Mutant("HTTP/1.0 is told, and cut off", S, "    if (stays)\n        return STAY;\n", "    if (stays && request.minor_version > 0)\n        return STAY;\n", "test_http_1_0", "may ask again"),
    Mutant("HTTP/1.0 is not told", A, SAID, 'stays ? "TE" : "close"', "test_http_1_0", "does not know that"),
    Mutant("the 503 says keep-alive", C, "    bool stays = false;\n", "    bool stays = true;\n", "test_says_that_it_closes", "503 of the parent"),
    Mutant("a 400 says keep-alive", A, SAID, 'stays || status == 400 ? "keep-alive" : "close"', "test_says_that_it_closes", "An answer of 400"),
    Mutant("a file that has shrunk", A, "            *stays = false; /* also where the file has shrunk: the client sees bytes missing */\n", "", "test_a_file_that_shrinks", "has shrunk"),

    Mutant("idle for ever", S, IDLE, "is_idle ? -1 : 0", "test_idle", "poll() has a time limit"),
    Mutant("idle for half a second", S, IDLE, "is_idle ? 500 : 0", "test_idle", "poll() has a time limit"),
    Mutant("idle is a 408", S, "    while (next == STAY)\n        next = await", "    while (next == STAY && poll(&(struct pollfd){client, POLLIN, 0}, 1, 4900) == 0)\n        send_status(client, NULL, 408, &(bool){false}), next = CLOSE;\n    while (next == STAY)\n        next = await",
           "test_idle", "no 408"),
    Mutant("the first request has 5 s, too", S, "    if ((next = answer(&reader, peer, root)) == STAY)\n", "    if (!await_request(&reader, stop)) {\n        close(client);\n        return;\n    }\n    if ((next = answer(&reader, peer, root)) == STAY)\n", "test_idle", "behind an answer. The first"),
    Mutant("5 s for a request that has begun", S, DEADLINE, DEADLINE.replace("REQUEST", "IDLE"), "test_idle", "gets 408 when its 8"),
    Mutant("the children hear nothing", M, "    close(children.stop[1]); /* idle connections end now */\n", "", "test_sigterm_and_idle_connections", "does not hear of SIGTERM"),
    Mutant("a child has the other end, too", C, "        close(children->stop[1]); /* while a child has this one, too, the pipe has no end */\n", "", "test_sigterm_and_idle_connections", "Each child has to close"),
    Mutant("1 after SIGTERM", M, "    wait_for_children(&children);\n    return 0;", "    wait_for_children(&children);\n    return 1;", "test_sigterm_and_idle_connections", "no failure"),
    Mutant("an idle connection gets 408 at SIGTERM", S, QUIET, "        if (ready > 0 && ends[0].revents == 0)\n            send_status(reader->descriptor, NULL, 408, &(bool){false});\n" + QUIET, "test_sigterm_and_idle_connections", "Nobody asked"),
    Mutant("the note before the buffer", S, "        if (!is_idle)\n            break;\n", "        if (!is_idle && stop_requested)\n            return false;\n        if (!is_idle)\n            break;\n", "test_sigterm_finishes_what_is_under_way", "look there first"),
    Mutant("a child dies of SIGTERM", M, "    close(children.stop[1]); /* idle connections end now */\n", "    for (int i = 0; i < children.running; i++)\n        kill(children.pids[i], SIGKILL);\n    close(children.stop[1]);\n",
           "test_sigterm_finishes_what_is_under_way", "has begun on a connection"),
]
