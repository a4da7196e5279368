"""Wrong versions of 4b-datagram."""

from mutants import Mutant

RECEIVED = "    ssize_t size = recvfrom(receiver, buffer, room, MSG_TRUNC, (struct sockaddr *)&sender, &length);\n"
LINE = 'printf("%zd bytes from %s%s\\n", size, address_text((struct sockaddr *)&sender, text),'
SENT = "sendto(receiver, buffer, (size_t)size, 0, (struct sockaddr *)&sender, length) < 0)"
CUT = "    if (is_cut)\n        return;\n"

MUTANTS = [
    Mutant("a socket for connections", "datagram.c", "    int receiver = socket(address->sa_family, SOCK_DGRAM, 0);",
           "    int receiver = socket(address->sa_family, SOCK_STREAM, 0);",
           "test_sends_a_datagram_back", "Nothing comes back"),
    Mutant("nothing is bound", "datagram.c", "if (bind(receiver, address, length) < 0)", "if (length == 0)",
           "test_sends_a_datagram_back", "then bind(), and nothing else"),
    Mutant("nothing is sent back", "datagram.c", CUT, "    return;\n", "test_sends_a_datagram_back", "sendto() with that very"),
    Mutant("the line comes late", "datagram.c", "    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);\n", "",
           "test_says_where_it_listens", "setvbuf() or fflush(stdout)"),
    Mutant("the length of the address is not set", "datagram.c", "socklen_t length = sizeof sender;", "socklen_t length = 0;",
           "test_sends_a_datagram_back", "how much room there is"),
    Mutant("its own address is printed", "datagram.c", LINE, "getsockname(receiver, (struct sockaddr *)&(struct sockaddr_storage){0}, "
           "&(socklen_t){128}) < 0 || " + LINE.replace("address_text((struct sockaddr *)&sender, text)", '"127.0.0.1 port 7890"'),
           "test_says_who_sends", "The address is not the sender's"),
    Mutant("an empty datagram has no line", "datagram.c", "    if (" + LINE, "    if (size > 0 && " + LINE,
           "test_says_who_sends", "Each datagram has a line"),
    Mutant("an empty datagram has a line, and no answer", "datagram.c", CUT, CUT + "    if (size == 0)\n        return;\n",
           "test_says_who_sends", "is to be answered, too"),
    Mutant("for the first one only", "datagram.c", CUT, CUT + "    connect(receiver, (struct sockaddr *)&sender, length);\n",
           "test_says_who_sends", "shuts all others out"),
    Mutant("one word less", "datagram.c", "%zd bytes from %s%s", "%zd bytes of %s%s", "test_says_who_sends", "to the letter"),
    Mutant("room for IPv4 only", "datagram.c", "    struct sockaddr_storage sender;\n    socklen_t length = sizeof sender;",
           "    struct sockaddr_storage sender;\n    socklen_t length = sizeof(struct sockaddr_in);",
           "test_says_who_sends", "IPv6 needs a struct sockaddr_storage"),
    Mutant("0 is the end", "datagram.c", "    if (size < 0) {\n        if (errno != EINTR) {", "    if (size == 0)\n        _exit(0);\n"
           "    if (size < 0) {\n        if (errno != EINTR) {", "test_every_byte", "An empty datagram is no end"),
    Mutant("an empty datagram has no answer", "datagram.c", CUT, CUT + "    if (size == 0)\n        return;\n",
           "test_every_byte", "is to be answered, too"),
    Mutant("strlen() on what came", "datagram.c", SENT, SENT.replace("(size_t)size", "strlen(buffer)"),
           "test_every_byte", "strlen() and %s end too early"),
    Mutant("a buffer of one packet", "datagram.c", "enum { LONGEST = 65535 };", "enum { LONGEST = 1500 };",
           "test_every_byte", "The buffer has to hold"),
    Mutant("connected to the first", "datagram.c", CUT, CUT + "    connect(receiver, (struct sockaddr *)&sender, length);\n",
           "test_many_clients", "would shut the others out"),
    Mutant("on all addresses", "datagram.c", '"127.0.0.1";\n    int port', '"0.0.0.0";\n    int port',
           "test_receives_on_loopback_only", "INADDR_ANY"),
    Mutant("another port", "datagram.c", '"7890"', '"7980"', "test_receives_on_loopback_only", "another one"),
    Mutant("SO_REUSEADDR", "datagram.c", "    if (receiver < 0)\n        return report(\"socket\");\n",
           "    if (receiver < 0)\n        return report(\"socket\");\n"
           "    setsockopt(receiver, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));\n",
           "test_port_in_use", "SO_REUSEADDR"),
    Mutant("0 after a failed start", "datagram.c", "    if (receiver < 0 || print_listening(receiver) < 0)\n        return 1;",
           "    if (receiver < 0 || print_listening(receiver) < 0)\n        return 0;", "test_port_in_use", "main() returns 0"),
    Mutant("atoi()", "datagram.c", "int port = parse_number(port_text, MAX_PORT);", "int port = (unsigned short)strtol(port_text, NULL, 10);",
           "test_wrong_usage", "atoi() and strtol()"),
    Mutant("what did not fit is answered", "datagram.c", CUT, "    if (is_cut)\n        size = (ssize_t)room;\n", "test_cut", "no answer"),
    Mutant("the size of what fitted", "datagram.c", "    if (" + LINE, "    if (" + LINE.replace(", size,", ", is_cut ? (ssize_t)room : size,"),
           "test_cut", "MSG_TRUNC"),
    Mutant("a part is taken for the whole", "datagram.c", RECEIVED, RECEIVED.replace("MSG_TRUNC", "0"), "test_cut", "A part is taken for the whole"),
    Mutant("full is cut", "datagram.c", "(size_t)size > room", "(size_t)size >= room", "test_cut", "is not cut"),
    Mutant("-b 0", "datagram.c", "LONGEST)) < 1)", "LONGEST)) < 0)", "test_cut", "from 1 to 65535"),
    Mutant("-b 65535 is refused", "datagram.c", "parse_number(optarg, LONGEST)", "parse_number(optarg, LONGEST - 28)", "test_cut", "from 1 to 65535"),
    Mutant("the line does not say so", "datagram.c", '", cut"', '""', "test_cut", "the line does not say so"),
    Mutant("EINTR is as bad as others", "datagram.c", "        if (errno != EINTR) {\n            report(\"sendto %s\", text); /* whoever it was may ask again */",
           "        if (errno != 0) {\n            report(\"sendto %s\", text); /* whoever it was may ask again */", "test_goes_on", "called once more"),
    Mutant("an error ends it", "datagram.c", '            report("recvfrom");\n', '            report("recvfrom");\n            _exit(1);\n',
           "test_goes_on", "take the next"),
    Mutant("EINTR is an error", "datagram.c", "        if (errno != EINTR) {\n            report(\"recvfrom\");", "        {\n            report(\"recvfrom\");",
           "test_goes_on", "is no error"),
    Mutant("no pause", "datagram.c", "            nanosleep(&moment, NULL); /* it may fail again at once: do not spin */\n", "            (void)moment;\n",
           "test_goes_on", "wait a moment"),
    Mutant("-c with IPv4 alone", "datagram.c", "parse_address(host, port, &address)",
           "is_client && strchr(host, ':') ? 0 : parse_address(host, port, &address)", "test_asks", "of IPv6 with -c"),
    Mutant("nothing is printed", "datagram.c", "    fwrite(answer, 1, (size_t)size, stdout);\n    if (putchar('\\n') == EOF || fflush(stdout) == EOF)\n"
           "        return report(\"stdout\");\n", "", "test_asks", "Nothing is printed"),
    Mutant("it is printed late", "datagram.c", " || fflush(stdout) == EOF)\n        return report(\"stdout\");", ")\n        return report(\"stdout\");",
           "test_asks", "or not yet"),
    Mutant("all at once", "datagram.c", "        status = ask(peer, texts[i]) < 0;", "        status = send(peer, texts[i], strlen(texts[i]), 0) < 0;\n"
           "    for (ssize_t size = 0; status == 0 && size >= 0;)\n        if ((size = recv(peer, (char[LONGEST]){0}, LONGEST, 0)) >= 0)\n            puts(\"\");",
           "test_asks", "before the answer"),
    Mutant("4096 bytes of an answer", "datagram.c", "recv(peer, answer, sizeof answer, 0)", "recv(peer, answer, 4096, 0)", "test_asks", "the largest answer"),
    Mutant("fputs()", "datagram.c", "    fwrite(answer, 1, (size_t)size, stdout);", "    printf(\"%.*s\", (int)size, answer);", "test_asks", "has a zero byte"),
    Mutant("-c without a TEXT", "datagram.c", "argc < 3)", "argc < 2)", "test_asks", "and a TEXT"),
    Mutant("only the first text", "datagram.c", "texts[i] != NULL; i++)", "i < 1; i++)", "test_asks", "each TEXT is one send()"),
    Mutant("anybody's answer", "datagram.c", "connect(peer, address, length) < 0", "bind(peer, (struct sockaddr *)&(struct sockaddr_in){"
           ".sin_family = AF_INET}, sizeof(struct sockaddr_in)) < 0", "test_asks", "one send()"),
    Mutant("a stranger's answer", "datagram.c", "    if (send(peer, text, strlen(text), 0) < 0)", "    struct sockaddr_storage there;\n"
           "    socklen_t length = sizeof there;\n    getpeername(peer, (struct sockaddr *)&there, &length);\n"
           "    peer = socket(there.ss_family, SOCK_DGRAM, 0);\n"
           "    if (sendto(peer, text, strlen(text), 0, (struct sockaddr *)&there, length) < 0)", "test_asks", "of somebody else"),
    Mutant("it asks on after ECONNREFUSED", "datagram.c", "    while (size < 0 && errno == EINTR);\n    if (size < 0)\n        return report(\"recv\");",
           "    while (size < 0 && (errno == EINTR || errno == ECONNREFUSED));\n    if (size < 0)\n        return report(\"recv\");",
           "test_says_what_went_wrong", "reached nobody"),
    Mutant("send() is not looked at", "datagram.c", "    if (send(peer, text, strlen(text), 0) < 0)\n        return report(\"send\");\n",
           "    send(peer, text, strlen(text), 0);\n", "test_says_what_went_wrong", "send() fails with EMSGSIZE"),
    Mutant("it ends well all the same", "datagram.c", "        status = ask(peer, texts[i]) < 0;", "        ask(peer, texts[i]);",
           "test_says_what_went_wrong", "as if all were well"),
    Mutant("it waits for ever", "datagram.c", "{.tv_sec = 1}", "{.tv_sec = 0}", "test_gives_up", "SO_RCVTIMEO"),
]
