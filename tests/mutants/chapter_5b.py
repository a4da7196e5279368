"""Wrong versions of 5b-poll-server."""

from mutants import Mutant

P = "poll-server.c"
GREETING = 'snprintf(client->buffer, ROOM, "Hello, world! You are visitor %lu.\\n",\n                                   server->visitors);'
SENT = "send(end->fd, client->buffer + client->start, client->end - client->start, 0);"
STAYS = "    return !client->ended || client->start < client->end;\n"
IGNORED = "sigaction(SIGPIPE, &ignore, NULL) < 0 || "
FAILED = '            return report("recv from %s", client->peer) == 0;\n'
TURN = "        if (server->ends[i].revents == 0 || serve(&server->ends[i], server->clients[i]))\n"
FULL = '            report("accept");\n            server->refused = time(NULL);\n'

MUTANTS = [
    Mutant("no greeting", P, "    client->end = (size_t)" + GREETING, "    client->end = 0;", "test_echoes", "greeted first"),
    Mutant("strlen() on what came", P, SENT, SENT.replace("client->end - client->start", "strnlen(client->buffer + client->start, client->end - client->start)"),
           "test_echoes", "no string"),
    Mutant("the line comes late", P, "    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);\n", "", "test_says_where_it_listens", "setvbuf() or fflush(stdout)"),
    Mutant("the first is visitor 0", P, "++server->visitors", "server->visitors++", "test_counts", "the same N"),
    Mutant("its own address is printed", P, "address_text((struct sockaddr *)&peer, client->peer);",
           "address_text((struct sockaddr *)(getsockname(descriptor, (struct sockaddr *)&peer, &length), &peer), client->peer);", "test_counts", "what accept() says"),
    Mutant("one after the other", P, "    if (wanted(client) & POLLOUT) {\n        ssize_t sent", "    poll(&(struct pollfd){.fd = end->fd, .events = POLLIN}, 1, -1);\n"
           "    if (wanted(client) & POLLOUT) {\n        ssize_t sent", "test_many_clients", "no other call waits"),
    Mutant("64 clients", P, "server->count < MOST && ", "server->count < 64 && ", "test_many_clients", "need room"),
    Mutant("an array that is too small", P, "    struct pollfd ends[MOST];\n", "    struct pollfd ends[512];\n", "test_many_clients", "its array has room"),
    Mutant("it never closes", P, STAYS, "    return true;\n", "test_half_close", "close() comes"),
    Mutant("the end counts before what came before it", P, "    if (end->revents != POLLOUT && wanted(client) & POLLIN) {\n",
           "    if (recv(end->fd, client->buffer, 0, MSG_DONTWAIT) == 0 && poll(&(struct pollfd){.fd = end->fd, .events = 0x2000}, 1, 0) > 0)\n"
           "        client->ended = true;\n    if (end->revents != POLLOUT && wanted(client) & POLLIN) {\n", "test_half_close", "send a reset"),
    Mutant("it closes too early", P, STAYS, "    return !client->ended;\n", "test_half_close", "in the buffer still"),
    Mutant("SIGPIPE is not ignored", P, IGNORED, "", "test_resets", "SIGPIPE"),
    Mutant("a reset ends it", P, FAILED, FAILED.replace("return report", "exit(report").replace(" == 0;", " == 0);"), "test_resets", "tells of one client"),
    Mutant("on all addresses", P, '"127.0.0.1"; /*', '"0.0.0.0"; /*', "test_listens_on_loopback_only", "INADDR_ANY"),
    Mutant("IPv4 only", P, "    if (length == 0)\n        return usage(host", "    if (length != sizeof(struct sockaddr_in))\n        return usage(host",
           "test_listens_on_loopback_only", "one of IPv6, too"),
    Mutant("another port", P, '"7890"', '"7980"', "test_listens_on_loopback_only", "another one"),
    Mutant("0 after a failed start", P, "    if (listener < 0 || print_listening(listener) < 0)\n        return 1;",
           "    if (listener < 0 || print_listening(listener) < 0)\n        return 0;", "test_port_in_use", "main() returns 0"),
    Mutant("atoi()", P, "int port = parse_number(port_text, MAX_PORT);", "int port = (unsigned short)strtol(port_text, NULL, 10);",
           "test_wrong_usage", "atoi() and strtol()"),
    Mutant("send() waits", P, "fcntl(descriptor, F_SETFL, O_NONBLOCK) < 0 ||", "descriptor < 0 ||", "test_delayed_by_nobody", "O_NONBLOCK"),
    Mutant("the rest is lost", P, "client->start += sent > 0 ? (size_t)sent : 0;", "client->start = client->end;", "test_delayed_by_nobody", "go out later"),
    Mutant("512 KiB for each", P, "ROOM = 65536 }", "ROOM = 512 << 10 }", "test_flow_control", "is enough"),
    Mutant("128 KiB for each", P, "ROOM = 65536 }", "ROOM = 131072 }", "test_flow_control", "is enough"),
    Mutant("as much as there is", P, "ROOM = 65536 }", "ROOM = 16 << 20 }", "test_flow_control", "waits in the client's kernel"),
    Mutant("as long as one sends", P, TURN, "        while (server->ends[i].revents != 0 && serve(&server->ends[i], server->clients[i]))\n"
           "            poll(&server->ends[i], 1, 0);\n        if (server->ends[i].revents == 0)\n", "test_turns", "once for each client"),
    Mutant("POLLOUT always", P, "(held > 0 ? POLLOUT : 0)", "POLLOUT", "test_sleeps", "only while there is something"),
    Mutant("POLLIN after the end", P, "(!client->ended && held < ROOM ?", "(held < ROOM ?", "test_sleeps", "After a client's end"),
    Mutant("it looks every 10 ms", P, "is_open ? -1 : 1000", "is_open ? 10 : 1000", "test_sleeps", "a time of -1"),
    Mutant("the listener is always asked for", P, "&& time(NULL) != server->refused", "&& server->refused != 1", "test_lack_of_descriptors", "until a client has left"),
    Mutant("it sleeps", P, FULL, '            report("accept");\n            nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);\n', "test_lack_of_descriptors", "all others sleep"),
    Mutant("nothing is said", P, FULL, "            server->refused = time(NULL);\n", "test_lack_of_descriptors", "It is to be reported"),
    Mutant("EMFILE ends it", P, FULL, '            report("accept");\n            exit(1);\n', "test_lack_of_descriptors", "no reason to end"),
]
