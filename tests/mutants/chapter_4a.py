"""Wrong versions of 4a-framing."""

from mutants import Mutant

ANSWERS = "    while ((result = read_request(client, &request)) > 0)\n        if (answer(client, &request) < 0)\n            return report(\"send to %s\", peer);\n"
MORE = "        sent = send(client, line, (size_t)length, MSG_MORE);\n"
REST = "    if (sent < 0 || send_all(client, line + sent, (size_t)(length - sent)) < 0)\n        return -1;\n"
BYTES = "send_all(client, word->text, word->size + 2)"
WORD = "        if (read_exactly(client, next, (size_t)size + 2) < 0)\n            return GONE;\n"
WAITALL = "        ssize_t received = recv(client, buffer, size, MSG_WAITALL);\n"
SERVED = "        serve_client(client, peer_text); /* whatever became of it, the next one waits */\n        close(client);\n"
PEEK = "        ssize_t seen = recv(client, line + size, sizeof line - size, MSG_PEEK);\n"

MUTANTS = [
    Mutant("nothing listens", "framing.c", "    for (;;) {\n", "    close(listener);\n    for (;;) {\n", "test_answers_ping", "It calls no listen()"),
    Mutant("capital letters only", "framing.c", "strncasecmp(", "strncmp(", "test_answers_ping", "small letters"),
    Mutant("one request a connection", "framing.c", ANSWERS, ANSWERS.replace("while (", "if (").replace("> 0)\n", "> 0) {\n", 1)
           .replace("peer);\n", "peer);\n        return 0;\n    }\n"), "test_answers_ping", "It closes after it has answered"),
    Mutant("a line ends with \\n", "framing.c", '"+PONG\\r\\n"', '"+PONG\\n"', "test_answers_ping", "a line ends with"),
    Mutant("all that came is the line", "request.c", "        end = memchr(line + size, '\\n', (size_t)seen);\n",
           "        end = memchr(line + size, '\\n', (size_t)seen) ? line + size + seen - 1 : NULL;\n", "test_answers_ping", "has lost its place"),
    Mutant("it waits for the client's end", "framing.c", "        if (answer(client, &request) < 0)",
           "        if (recv(client, &(char){0}, 1, MSG_PEEK) >= 0 && answer(client, &request) < 0)", "test_answers_ping", "at once, though"),
    Mutant("the line comes late", "framing.c", "    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);\n", "",
           "test_says_where_it_listens", "setvbuf() or fflush(stdout)"),
    Mutant("on all addresses", "framing.c", '"127.0.0.1"; /* only', '"0.0.0.0"; /* only', "test_listens_on_loopback_only", "INADDR_ANY"),
    Mutant("IPv4 alone", "framing.c", "parse_address(host, port, &address)", "strchr(host, ':') ? 0 : parse_address(host, port, &address)",
           "test_listens_on_loopback_only", "with AF_INET6"),
    Mutant("the address is ignored", "framing.c", "parse_address(host, port, &address)",
           "parse_address(host, port, &address) > 0 ? parse_address(\"127.0.0.1\", port, &address) : 0",
           "test_listens_on_loopback_only", "second argument is ignored"),
    Mutant("another port", "framing.c", '"7890"', '"6379"', "test_listens_on_loopback_only", "another one"),
    Mutant("0 after a failed start", "framing.c", "print_listening(listener) < 0)\n        return 1;",
           "print_listening(listener) < 0)\n        return 0;", "test_port_in_use", "main() returns 0"),
    Mutant("atoi()", "framing.c", "int port = parse_number(port_text, MAX_PORT);", "int port = (unsigned short)strtol(port_text, NULL, 10);",
           "test_wrong_usage", "atoi() and strtol()"),
    Mutant("a recv() is a line", "request.c", "        end = memchr(line + size, '\\n', (size_t)seen);\n",
           "        end = memchr(line + size, '\\n', (size_t)seen);\n        if (end == NULL)\n            return WRONG;\n",
           "test_in_pieces", "go on until the"),
    Mutant("a line's end alone", "request.c", "        end = memchr(line + size, '\\n', (size_t)seen);\n",
           "        end = memchr(line + size, '\\n', (size_t)seen);\n        if (end == line + size && size > 2)\n            return WRONG;\n",
           "test_in_pieces", "A piece may end anywhere"),
    Mutant("it looks, and does not take", "request.c", "        size_t length = end == NULL", "        if (end == NULL && (size_t)seen < sizeof line)\n"
           "            continue;\n        size_t length = end == NULL", "test_in_pieces", "It spins"),
    Mutant("what stands behind it is thrown away", "request.c", "    return request->count == 0",
           "    char rest[4096];\n    recv(client, rest, sizeof rest, MSG_DONTWAIT);\n    return request->count == 0", "test_pipelined", "thrown away"),
    Mutant("the answers come after the end only", "framing.c", "    if (result == GONE)\n",
           "    if (result == GONE)\n        pause();\n    if (result == GONE)\n", "test_pipelined", "close()"),
    Mutant("one answer for two", "framing.c", "    const char *line = \"-ERR unknown", "    static int count;\n    if (++count % 3 == 0)\n"
           "        return 0;\n    const char *line = \"-ERR unknown", "test_pipelined", "thrown away"),
    Mutant("twice", "framing.c", "    return send_all(client, line, strlen(line));", "    if (line[0] == '-')\n        send_all(client, line, strlen(line));\n"
           "    return send_all(client, line, strlen(line));", "test_pipelined", "Each request has one answer"),
    Mutant("-ERR ends with \\n", "framing.c", '"-ERR unknown command\\r\\n"', '"-ERR unknown command\\n"', "test_pipelined", "these two"),
    Mutant("63 words", "request.h", "MAX_WORDS = 64", "MAX_WORDS = 63", "test_unknown_commands", "N may be 64"),
    Mutant("no empty word", "request.c", "        if (size < 0)\n            return size;", "        if (size <= 0)\n            return size < 0 ? size : WRONG;",
           "test_unknown_commands", "may be empty"),
    Mutant("65,532 bytes in all", "request.h", "MAX_BYTES = 65536", "MAX_BYTES = 65532", "test_unknown_commands", "65,536 bytes"),
    Mutant("the name in the answer", "framing.c", "    return send_all(client, line, strlen(line));",
           "    if (line[5] == 'u')\n        return send_all(client, \"-ERR \", 5) < 0 ? -1 : send_all(client, request->words[0].text, "
           "request->words[0].size + 2);\n    return send_all(client, line, strlen(line));", "test_unknown_commands", "have no place in it"),
    Mutant("a word is a string", "request.c", WORD, WORD + "        size = (int)strnlen(next, (size_t)size);\n", "test_unknown_commands", "are counted"),
    Mutant("the name begins like it", "framing.c", "size == strlen(name) &&", "size >= strlen(name) &&", "test_unknown_commands", "begins with -ERR"),
    Mutant("no answer", "framing.c", "    return send_all(client, line, strlen(line));", "    return line[5] == 'u' ? 0 : send_all(client, line, strlen(line));",
           "test_unknown_commands", "begins with -ERR"),
    Mutant("SIGPIPE", "framing.c", "sigaction(SIGPIPE, &ignore, NULL) < 0 || ", "", "test_one_after_another", "MSG_NOSIGNAL"),
    Mutant("not closed", "framing.c", SERVED, SERVED.replace("        close(client);\n", "        pause();\n"), "test_one_after_another", "accept() the next one"),
    Mutant("a reset ends it", "framing.c", SERVED, SERVED.replace("        serve_client(client, peer_text);", "        if (serve_client(client, peer_text) < 0)\n"
           "            return 1;"), "test_one_after_another", "close() its socket"),
    Mutant("ECHO is unknown", "framing.c", ' || is_named(request, "ECHO")', "", "test_echo", "does not know it"),
    Mutant("less than permitted", "request.h", "MAX_BYTES = 65536", "MAX_BYTES = 60000", "test_echo", "It refuses what"),
    Mutant("strlen() of a word", "framing.c", BYTES, "send_all(client, word->text, strlen(word->text))", "test_echo", "strlen() and %s"),
    Mutant("one byte less", "framing.c", '"$%zu\\r\\n", word->size);', '"$%zu\\r\\n", word->size - (word->size > 3));', "test_echo", "Other bytes come back"),
    Mutant("more is to come, it says", "framing.c", "    return " + BYTES, "    for (size_t at = 0; at < word->size + 2; at += (size_t)sent)\n"
           "        if ((sent = send(client, word->text + at, word->size + 2 - at, MSG_MORE)) < 0)\n            return -1;\n    return 0",
           "test_echo", "without that flag"),
    Mutant("the first of many", "framing.c", "        if (request->count == 2)\n", "        if (request->count >= 2)\n", "test_arguments", "N counts all words"),
    Mutant("ECHO without", "framing.c", 'is_named(request, "PING") && request->count == 1', "request->count == 1 && (is_named(request, \"PING\") || is_named(request, \"ECHO\"))",
           "test_arguments", "ECHO has two"),
    Mutant("of the arguments' number, with \\n", "framing.c", 'arguments\\r\\n"', 'arguments\\n"', "test_arguments", "these two"),
    Mutant("EINTR of recv()", "request.c", "        } else if (errno != EINTR) {", "        } else if (errno != 0 || received == 0) {", "test_loses_nothing", "was interrupted"),
    Mutant("EINTR of send()", "framing.c", "    while (sent < 0 && errno == EINTR);", "    while (0);", "test_loses_nothing", "was interrupted"),
    Mutant("a short count of send()", "framing.c", "    return " + BYTES, "    do\n        sent = send(client, word->text, word->size + 2, 0);\n"
           "    while (sent < 0 && errno == EINTR);\n    return sent < 0 ? -1 : 0",
           "test_loses_nothing", "send the rest"),
    Mutant("a short count of recv()", "request.c", WAITALL, WAITALL + "        if (received > 0)\n            return 0;\n", "test_loses_nothing", "ask for the rest"),
    Mutant("a short count each", "framing.c", "    return " + BYTES, "    do\n        sent = send(client, word->text, word->size, MSG_MORE);\n"
           "    while (sent < 0 && errno == EINTR);\n    return sent < 0 ? -1 : send_all(client, \"\\r\\n\", 2)", "test_loses_nothing", "send the rest"),
    Mutant("N has no limit", "request.c", "read_count(client, '*', MAX_WORDS)", "read_count(client, '*', 10000000)", "test_nonsense", "A count is believed"),
    Mutant("LEN has no limit of its own", "request.c", "        int size = read_count(client, '$', room);", "        int size = read_count(client, '$', 10000000);",
           "test_nonsense", "A count is believed"),
    Mutant("no limit for all", "request.c", "        room -= size;\n", "", "test_nonsense", "A count is believed"),
    Mutant("a line without an end", "request.c", "    while (end == NULL && size < sizeof line) {\n", "    while (end == NULL) {\n        if (size == sizeof line)\n"
           "            size--;\n", "test_nonsense", "A count is believed"),
    Mutant("17 bytes", "request.c", "line[16]", "line[17]", "test_nonsense", "one of 17"),
    Mutant("15 bytes", "request.c", "line[16]", "line[15]", "test_nonsense", "may have 16"),
    Mutant("a reset at once", "framing.c", "    hang_up(client);\n", "", "test_nonsense", "is a reset"),
    Mutant("Protocol error, and \\n", "framing.c", 'Protocol error\\r\\n"', 'Protocol error\\n"', "test_nonsense", "these two"),
    Mutant("without a word", "framing.c", "    if (result == GONE)\n        return errno == 0", "    if (result == GONE || result == WRONG)\n        return errno == 0",
           "test_nonsense", "without a word"),
    Mutant("it goes on", "framing.c", "    if (shutdown(client, SHUT_WR) < 0)\n        return;\n", "    pause();\n", "test_nonsense", "close the connection"),
    Mutant("\\n is enough", "request.c", "end[-1] != '\\r' || memchr(line, '\\0', size) != NULL)\n        return WRONG;\n    end[-1] = '\\0';",
           "memchr(line, '\\0', size) != NULL)\n        return WRONG;\n    end[end[-1] == '\\r' ? -1 : 0] = '\\0';", "test_nonsense", "in digits"),
    Mutant("* or $, whichever", "request.c", " || line[0] != kind", "", "test_nonsense", "in digits"),
    Mutant("what stands behind LEN bytes", "request.c", "        if (memcmp(next + size, \"\\r\\n\", 2) != 0)\n            return WRONG;\n", "", "test_nonsense", "after LEN bytes"),
    Mutant("a zero byte ends the line", "request.c", " || memchr(line, '\\0', size) != NULL", "", "test_nonsense", "no digit"),
    Mutant("strtol()", "request.c", "    int count = parse_number(line + 1, max);", "    int count = (int)strtol(line + 1, NULL, 10);\n    if (count > max)\n        count = -1;",
           "test_nonsense", "A count is believed"),
    Mutant("no words at all", "request.c", "request->count == 0 ? WRONG : request->count", "request->count == 0 ? 1 : request->count", "test_nonsense", "close the connection"),
    Mutant("close() with bytes unread", "framing.c", "    hang_up(client);\n", "", "test_closes_without_a_reset", "shutdown() with SHUT_WR"),
    Mutant("no shutdown()", "framing.c", "    if (shutdown(client, SHUT_WR) < 0)\n        return;\n", "", "test_closes_without_a_reset", "only with close()"),
    Mutant("silent for ever", "framing.c", "poll(&arrival, 1, 1000)", "poll(&arrival, 1, -1)", "test_closes_without_a_reset", "for ever"),
    Mutant("silent for 100 ms", "framing.c", "poll(&arrival, 1, 1000)", "poll(&arrival, 1, 100)", "test_closes_without_a_reset", "may still speak"),
    Mutant("so much and no more", "framing.c", "    while (poll(&arrival, 1, 1000) > 0 && ", "    int left = 2000;\n    while (left-- > 0 && poll(&arrival, 1, 1000) > 0 && ",
           "test_closes_without_a_reset", "begins anew"),
    Mutant("shutdown() alone", "framing.c", "    while (poll(&arrival, 1, 1000) > 0 && recv(client, rest, sizeof rest, MSG_DONTWAIT) > 0)\n",
           "    while (poll(&arrival, 1, 1000) > 0 && recv(client, rest, 0, MSG_DONTWAIT) > 0)\n", "test_closes_without_a_reset", "then recv() what still comes"),
]
