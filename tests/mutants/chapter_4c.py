"""Wrong versions of 4c-urgent."""

from mutants import Mutant

URGENT = "        if (arrival.revents & POLLPRI) {"
SERVED = "        serve_client(client, peer_text); /* whatever became of it, the next one waits */\n        close(client);\n"
MARK = "        if (is_marked && sockatmark(client) == 1) {\n"
TOLD = "            is_marked = is_marked || taken;\n"
PIECE = 'printf("%zd bytes: %.*s\\n", received, (int)received, text) < 0)'
NONE = "errno != EINTR && errno != EAGAIN && errno != EINVAL"
BOTH = URGENT + """ /* first of all, though it has come last */
            int taken = take_urgent(client);

            if (taken < 0)
                return report("recv from %s", peer);
            is_marked = is_marked || taken;
        } else if (arrival.revents != 0) {
"""
KEPT = """        static int pending = -1;
        unsigned char byte;
        if (arrival.revents & POLLPRI) {
            if (recv(client, &byte, 1, MSG_OOB) == 1) {
                pending = byte;
                is_marked = 1;
            }
        } else if (arrival.revents != 0) {
            if (pending >= 0 && recv(client, &byte, 1, MSG_PEEK) == 1) {
                printf("urgent: 0x%02x\\n", (unsigned)pending);
                pending = -1;
            }
"""
SENT = "            sent = send(server, texts[1], strlen(texts[1]), MSG_OOB);\n"

MUTANTS = [
    Mutant("nothing listens", "urgent.c", "    for (;;) {\n        struct sockaddr_storage peer;", "    close(listener);\n    for (;;) {\n"
           "        struct sockaddr_storage peer;", "test_prints_what_comes", "It calls no listen()"),
    Mutant("chapter 4's line for each client", "urgent.c", "        address_text((struct sockaddr *)&peer, peer_text);\n",
           "        printf(\"connection 1 from %s\\n\", address_text((struct sockaddr *)&peer, peer_text));\n", "test_prints_what_comes", "one too many here"),
    Mutant("nothing is printed", "urgent.c", "    if (received > 0 && " + PIECE, "    if (received > 0 && 0)", "test_prints_what_comes", "Nothing is printed"),
    Mutant("it waits for a full buffer", "urgent.c", "recv(client, text, sizeof text, 0)", "recv(client, text, sizeof text, MSG_WAITALL)",
           "test_prints_what_comes", "Nothing is printed"),
    Mutant("a string", "urgent.c", PIECE, 'printf("%zd bytes: %s\\n", received, text) < 0)', "test_prints_what_comes", "%.*s takes"),
    Mutant("bytes as they are", "urgent.c", "            text[i] = '.';", "            text[i] = text[i] == '\\n' ? '.' : text[i];", "test_prints_what_comes", "is a dot"),
    Mutant("the line comes late", "urgent.c", "    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);\n", "", "test_says_where_it_listens", "setvbuf() or fflush(stdout)"),
    Mutant("on all addresses", "urgent.c", '"127.0.0.1";\n    int port', '"0.0.0.0";\n    int port', "test_listens_on_loopback_only", "INADDR_ANY"),
    Mutant("IPv4 alone", "urgent.c", "parse_address(host, port, &address)", "strchr(host, ':') ? 0 : parse_address(host, port, &address)",
           "test_listens_on_loopback_only", "with AF_INET6"),
    Mutant("the address is ignored", "urgent.c", "parse_address(host, port, &address)",
           "parse_address(host, port, &address) > 0 ? parse_address(\"127.0.0.1\", port, &address) : 0",
           "test_listens_on_loopback_only", "second argument is ignored"),
    Mutant("another port", "urgent.c", '"7890"', '"7980"', "test_listens_on_loopback_only", "another one"),
    Mutant("0 after a failed start", "urgent.c", "print_listening(listener) < 0)\n        return 1;", "print_listening(listener) < 0)\n        return 0;",
           "test_port_in_use", "main() returns 0"),
    Mutant("atoi()", "urgent.c", "int port = parse_number(port_text, MAX_PORT);", "int port = (unsigned short)strtol(port_text, NULL, 10);",
           "test_wrong_usage", "atoi() and strtol()"),
    Mutant("no look for it", "urgent.c", "POLLIN | POLLPRI", "POLLIN", "test_urgent", "It is not seen"),
    Mutant("SO_OOBINLINE", "urgent.c", "    for (;;) {\n" + MARK, "    setsockopt(client, SOL_SOCKET, SO_OOBINLINE, &(int){1}, sizeof(int));\n    arrival.events = POLLIN;\n"
           "    for (;;) {\n" + MARK, "test_urgent", "the byte aside"),
    Mutant("a signed char", "urgent.c", "    unsigned char byte;", "    signed char byte;", "test_urgent", "of an unsigned char"),
    Mutant("capital letters", "urgent.c", "0x%02x", "0x%02X", "test_urgent", "small letters"),
    Mutant("one digit", "urgent.c", "0x%02x", "0x%x", "test_urgent", "two digits"),
    Mutant("what came first is read first", "urgent.c", URGENT, "        if ((arrival.revents & POLLPRI) && !(arrival.revents & POLLIN)) {", "test_ahead", "read first"),
    Mutant("MSG_PEEK", "urgent.c", "recv(client, &byte, 1, MSG_OOB);", "recv(client, &byte, 1, MSG_OOB | MSG_PEEK);", "test_costs_no_cpu_time", "without MSG_PEEK"),
    Mutant("poll() does not wait", "urgent.c", "poll(&arrival, 1, -1)", "poll(&arrival, 1, 0)", "test_costs_no_cpu_time", "do not wait"),
    Mutant("on its way is an error", "urgent.c", NONE, NONE.replace("errno != EAGAIN && ", ""), "test_interrupted_calls", "fails with EAGAIN"),
    Mutant("interrupted is an error", "urgent.c", NONE, NONE.replace("errno != EINTR && ", ""), "test_interrupted_calls", "any call with EINTR"),
    Mutant("a signal ends the wait", "urgent.c", "            if (errno != EINTR)\n                return report(\"poll\");\n            continue;",
           "            return report(\"poll\");", "test_interrupted_calls", "any call with EINTR"),
    Mutant("it is told with the next piece, also if that is another client's", "urgent.c", BOTH, KEPT, "test_one_after_another", "has no part in it"),
    Mutant("the end is looked at first", "urgent.c", URGENT, "        if (recv(client, &(char){0}, 1, MSG_PEEK | MSG_DONTWAIT) == 0)\n            return 0;\n" + URGENT,
           "test_one_after_another", "before recv() returns 0"),
    Mutant("not closed", "urgent.c", SERVED, SERVED.replace("        close(client);\n", ""), "test_one_after_another", "close() its socket"),
    Mutant("a reset ends it", "urgent.c", SERVED, SERVED.replace("        serve_client(client, peer_text);", "        if (serve_client(client, peer_text) < 0)\n"
           "            return 1;"), "test_one_after_another", "in whatever way"),
    Mutant("no mark", "urgent.c", MARK, "        if (is_marked && sockatmark(client) == 2) {\n", "test_mark", "sockatmark() is 1 there"),
    Mutant("the mark is looked for too late", "urgent.c", "            ssize_t received = take_rest(client);\n", "            ssize_t received = take_rest(client);\n"
           "            if (received > 0 && sockatmark(client) == 1)\n                received += take_rest(client);\n", "test_mark", "before each recv()"),
    Mutant("missed where nothing stands before it", "urgent.c", TOLD + "        } else if (arrival.revents != 0) {", TOLD + "        }\n"
           "        if (arrival.revents & POLLIN) {", "test_mark", "where nothing stands before it"),
    Mutant("the last piece alone counts", "urgent.c", "                before += (unsigned long)received;", "                before = (unsigned long)received;",
           "test_mark", "in many pieces"),
    Mutant("the urgent byte counts", "urgent.c", TOLD, TOLD + "            before += (unsigned long)taken;\n", "test_mark", "no urgent ones"),
    Mutant("told twice", "urgent.c", '"mark: after %lu bytes\\n", before)', '"mark: after %lu bytes\\nmark: after %lu bytes\\n", before, before)',
           "test_mark", "once for each"),
    Mutant("a byte is taken at the mark", "urgent.c", "            is_marked = 0;\n", "            is_marked = 0;\n            recv(client, &(char){0}, 1, MSG_DONTWAIT);\n",
           "test_the_last_one", "Nothing is to be taken away"),
    Mutant("all digits are urgent", "urgent.c", "    for (ssize_t i = 0; i < received; i++)\n", "    for (ssize_t i = 0; i < received; i++)\n        if (isdigit((unsigned char)text[i]))\n"
           "            printf(\"urgent: 0x%02x\\n\", text[i]);\n    for (ssize_t i = 0; i < received; i++)\n", "test_the_last_one", "among the others"),
    Mutant("-c with IPv4 alone", "urgent.c", "parse_address(host, port, &address)",
           "is_client && strchr(host, ':') ? 0 : parse_address(host, port, &address)", "test_client", "of IPv6 with -c"),
    Mutant("send() without the flag", "urgent.c", SENT, SENT.replace("MSG_OOB", "0"), "test_client", "makes a byte urgent"),
    Mutant("each byte is urgent", "urgent.c", SENT, SENT.replace("            sent", "            for (const char *at = texts[1]; *at != 0; at++)\n                sent")
           .replace("texts[1], strlen(texts[1])", "at, 1"), "test_client", "its own last byte"),
    Mutant("BEFORE is urgent", "urgent.c", "send_all(server, texts[0], strlen(texts[0])) == 0", "send(server, texts[0], strlen(texts[0]), MSG_OOB) >= 0",
           "test_client", "its own last byte"),
    Mutant("an empty URGENT", "urgent.c", "is_client && argv[5][0] == '\\0'", "is_client && argv[5] == NULL", "test_client", "no last byte"),
    Mutant("all in one", "urgent.c", SENT, SENT.replace("texts[1], strlen(texts[1])", "texts[1] + strlen(texts[1]) - 1, 1"), "test_client", "in this order"),
    Mutant("AFTER is missing", "urgent.c", "(sent < 0 || send_all(server, texts[2], strlen(texts[2])) < 0)", "sent < 0", "test_client", "in this order"),
    Mutant("exit status 1", "urgent.c", "argv + 4) < 0;", "argv + 4) == 0;", "test_client", "Then the connection is closed"),
    Mutant("it ends well all the same", "urgent.c", "argv + 4) < 0;", "argv + 4) < -1;", "test_nobody_listens", "ECONNREFUSED"),
]
