"""Wrong versions of 5a-port-scan."""

from mutants import Mutant

P = "port-scan.c"
SOCKET = "descriptor = socket(address.ss_family, SOCK_STREAM, 0);"
BEGUN = "if (error == 0 || error == EINPROGRESS || error == EALREADY || error == EISCONN) {"
LEFT = "poll(scan->sockets, scan->count, left > 0 ? (int)left : 0)"
SKIPPED = "        if (scan->sockets[i].revents == 0 && scan->deadlines[i] > now())\n            continue;\n"
CLOSED = "        if (scan.results[port] == CLOSED)\n            closed++;\n"
LAST = "printf(\"closed: %d\\n\", closed) < 0"
NAME = "getservbyport(htons((uint16_t)port), \"tcp\")"
LACK = "        return scan->count > 0 ? 0 : report(\"socket\");\n"
PRINTED = "    if (ferror(stdout) || printf(\"closed: %d\\n\", closed) < 0 || fflush(stdout) == EOF) {"

MUTANTS = [
    Mutant("nobody is found", P, "        return is_itself(descriptor) ? CLOSED : OPEN;\n", "        return CLOSED;\n",
           "test_open", "has found somebody who listens"),
    Mutant("IPv4 only", P, SOCKET, SOCKET.replace("address.ss_family", "AF_INET"), "test_open", "a family of its own"),
    Mutant("a refusal is an error", P, "    return error == ECONNREFUSED ? CLOSED : SILENT;", "    if (error == ECONNREFUSED)\n        _exit(1);\n    return SILENT;",
           "test_open", "no error"),
    Mutant("the last port is left out", P, "port <= last; port++)", "port < last; port++)", "test_open", "both ends included"),
    Mutant("closed ones have lines", P, CLOSED, "        if (scan.results[port] == CLOSED) {\n            closed++;\n            printf(\"%d closed\\n\", port);\n        }\n",
           "test_closed", "no line of their own"),
    Mutant("65535 is none", P, "*last = parse_number(dash + 1, MAX_PORT);", "*last = parse_number(dash + 1, MAX_PORT - 1);",
           "test_closed", "which is one"),
    Mutant("all are counted", P, CLOSED, CLOSED.replace("            closed++;\n", "            closed = last - first + 1;\n"), "test_closed", "how many"),
    Mutant("the words change places", P, LAST, "printf(\"%d closed\\n\", closed) < 0", "test_closed", "to the letter"),
    Mutant("the port's bytes are not swapped", P, NAME, "getservbyport(port, \"tcp\")", "test_names", "network byte order"),
    Mutant("a blank for a name", P, "service ? \"%d open %s\\n\" : \"%d open\\n\", port,", "\"%d open %s\\n\", port,",
           "test_names", "without a blank"),
    Mutant("whatever protocol", P, NAME, "getservbyport(htons((uint16_t)port), NULL)", "test_names", "a service of UDP"),
    Mutant("NULL is not looked at", P, "service ? \"%d open %s\\n\" : \"%d open\\n\", port, service ? service->s_name : \"\"", "\"%d open %s\\n\", port, service->s_name",
           "test_names", "print()"),
    Mutant("any address", P, "|| !is_loopback(&address))", "|| argc < 0)", "test_loopback_only", "before the first connect()"),
    Mutant("127.0.0.1 only", P, ".s_addr) >> 24 == 127;", ".s_addr) == INADDR_LOOPBACK;", "test_loopback_only", "the first byte"),
    Mutant("from the last to the first", P, "return *first >= 1 && *first <= *last;", "return *first >= 1 && *last >= 1;",
           "test_wrong_usage", "the first not above"),
    Mutant("atoi()", P, "*last = parse_number(dash + 1, MAX_PORT);", "*last = (unsigned short)strtol(dash + 1, NULL, 10);", "test_wrong_usage", "where each number ended"),
    Mutant("argc is not looked at", P, "    if (argc != 3 && argc != 5)\n", "    if (argc > 5)\n", "test_wrong_usage", "before you use argv"),
    Mutant("socket() is not looked at", P, LACK, "        return 1;\n", "test_cannot", "ends the scan"),
    Mutant("whatever fails is closed", P, "    if (error != ECONNREFUSED)\n", "    if (error == EACCES)\n", "test_cannot", "has learned nothing"),
    Mutant("what is printed last is not looked at", P, PRINTED, PRINTED.replace(" || fflush(stdout) == EOF", ""), "test_cannot", "fflush(stdout)"),
    Mutant("one after the other", P, "scan.count < MOST", "scan.count < 1", "test_many", "begin 256"),
    Mutant("connect() waits", P, "fcntl(descriptor, F_SETFL, O_NONBLOCK) < 0", "descriptor < 0", "test_many", "O_NONBLOCK"),
    Mutant("all at once", P, "enum { MOST = 256 };", "enum { MOST = 900 };", "test_many", "Not all at once"),
    Mutant("one too many", P, "enum { MOST = 256 };", "enum { MOST = 257 };", "test_many", "Not all at once"),
    Mutant("EMFILE ends it", P, LACK, "        return report(\"socket\");\n", "test_few_descriptors", "no error as long as"),
    Mutant("the whole array", P, LEFT, LEFT.replace("scan->count", "MOST"), "test_few_descriptors", "EINVAL"),
    Mutant("closed sockets stay open", P, "        close(descriptor);\n        scan->sockets[i]", "        scan->sockets[i]", "test_few_descriptors", "no error as long as"),
    Mutant("it waits for ever", P, LEFT, LEFT.replace("left > 0 ? (int)left : 0", "left > 0 ? -1 : 0"), "test_silent", "need a deadline"),
    Mutant("only a look", P, SKIPPED, "", "test_silent", "count again"),
    Mutant("-t is not heeded", P, "(scan.patience = parse_number(argv[4], 60000)) < 1", "parse_number(argv[4], 60000) < 1", "test_silent", "count again"),
    Mutant("one deadline for all", P, "        scan->deadlines[scan->count++] = now() + scan->patience;",
           "        static long long begin;\n        begin = begin > 0 ? begin : now();\n        scan->deadlines[scan->count++] = begin + scan->patience;",
           "test_silent", "from its own beginning"),
    Mutant("twice the time", P, "        scan->deadlines[scan->count++] = now() + scan->patience;",
           "        scan->deadlines[scan->count++] = now() + 2 * scan->patience;", "test_silent", "longer than MS"),
    Mutant("each answer begins the time anew", P, "        return errno == EINTR ? 0 : report(\"poll\");\n",
           "        return errno == EINTR ? 0 : report(\"poll\");\n    for (nfds_t i = 0; i < scan->count; i++)\n"
           "        if (left > 0 && first > now())\n            scan->deadlines[i] = now() + scan->patience;\n",
           "test_silent", "begins the wait for all others anew"),
    Mutant("silence is a refusal", P, "    return error == ECONNREFUSED ? CLOSED : SILENT;", "    return CLOSED;", "test_silent", "neither open nor closed"),
    Mutant("open as long as SO_ERROR is 0", P, "int error = ETIMEDOUT, descriptor", "int error = 0, descriptor", "test_silent", "neither open nor closed"),
    Mutant("ten seconds are enough", P, "parse_number(argv[4], 60000)", "parse_number(argv[4], 10000)", "test_wrong_time", "refuses arguments"),
    Mutant("the time is any number", P, "parse_number(argv[4], 60000)) < 1", "(int)strtol(argv[4], NULL, 10)) < 0", "test_wrong_time", "from 1 to 60000"),
    Mutant("printed as they come", P, "        scan->results[scan->ports[i]] = judge(descriptor, error);\n",
           "        scan->results[scan->ports[i]] = judge(descriptor, error);\n        if (scan->results[scan->ports[i]] == OPEN) {\n"
           "            printf(\"%d open\\n\", scan->ports[i]);\n            scan->results[scan->ports[i]] = CLOSED;\n        }\n", "test_order", "another order"),
    Mutant("the silent ones are counted, too", P, "        if (scan.results[port] == CLOSED)\n            closed++;\n",
           "        if (scan.results[port] == CLOSED || (closed += scan.results[port] == SILENT) < 0)\n            closed++;\n", "test_order", "lines of their own"),
    Mutant("it meets itself", P, "        return is_itself(descriptor) ? CLOSED : OPEN;\n", "        return OPEN;\n", "test_itself", "connects the socket with itself"),
]
