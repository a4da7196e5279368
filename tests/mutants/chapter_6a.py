"""Wrong versions of 6a-services."""

from mutants import Mutant

FLUSHED = '    return fflush(stdout) == EOF ? report("stdout") : 0;\n'
POLLED = "        sockets[i].events = POLLIN;\n"
OPENED = "        if (sockets[i].fd < 0)\n            return -1;\n"
ANSWERED = "    if (sendto(receiver, buffer, size, MSG_DONTWAIT, (struct sockaddr *)&sender, length) < 0)"
SAID = "            shutdown(descriptor, SHUT_WR); /* that was all: wait for the client's end */\n            client->service = DISCARD;\n"
MOVED = "    return moved > 0 || (moved < 0 && (errno == EAGAIN || errno == EINTR));"
SENDS = "int sends = clients[i].service == CHARGEN || clients[i].start < clients[i].end;"
PATTERN = "text[i] = (char)(' ' + (line + i) % 95);"

MUTANTS = [
    Mutant("nothing is accepted", "services.c", "else if (i >= SERVICES && count < CLIENTS && sockets[i].revents != 0) {", "else if (count > CLIENTS) {",
           "test_tells_the_time", "Nothing comes"),
    Mutant("the lines come late", "services.c", FLUSHED, "    return 0;\n", "test_says_where", "fflush(stdout)"),
    Mutant("no first line", "services.c", "    if (print_listening(sockets[0].fd) < 0)\n        return -1;\n", "    puts(\"listening\");\n", "test_says_where", "The first line is"),
    Mutant("the time of the place", "services.c", "gmtime(&now)", "localtime(&now)", "test_daytime", "localtime() that of"),
    Mutant("no seconds", "services.c", "%H:%M:%S UTC", "%H:%M UTC", "test_daytime", "strftime() writes it"),
    Mutant("the day is read once", "services.c", "    time_t now = time(NULL);\n", "    static time_t now;\n\n    if (now == 0)\n        now = time(NULL);\n",
           "test_daytime", "when a client comes"),
    Mutant("the time is read once", "services.c", "    uint32_t since_1900 = htonl((uint32_t)(now + 2208988800));",
           "    static time_t first;\n    if (first == 0)\n        first = now;\n    uint32_t since_1900 = htonl((uint32_t)(first + 2208988800));",
           "test_time", "when a client comes"),
    Mutant("since 1970", "services.c", "now + 2208988800", "now + 0", "test_time", "1900 was"),
    Mutant("the low byte first", "services.c", "htonl((uint32_t)(now + 2208988800))", "(uint32_t)(now + 2208988800)", "test_time", "htonl()"),
    Mutant("eight bytes", "services.c", "    uint32_t since_1900 = htonl((uint32_t)(now + 2208988800));", "    uint64_t since_1900 = htonl((uint32_t)(now + 2208988800));",
           "test_time", "A time_t has eight bytes"),
    Mutant("numbers of its own", "services.c", "base + ntohs((uint16_t)service->s_port)", "base + (*name == 't' ? 37 : *name == 'e' ? 7 : *name == 'c' ? 19 : "
           "name[1] == 'a' ? 13 : 9)", "test_ports", "finds the port in /etc/services"),
    Mutant("another BASE", "services.c", ": 7000;", ": 8000;", "test_ports", "BASE is added"),
    Mutant("what is not in the table has any port", "services.c", "(base > 0 && service == NULL) || port > MAX_PORT", "port > MAX_PORT",
           "test_ports", "A service that /etc/services does not have"),
    Mutant("0 after a failed start", "services.c", "    if (open_all(polled, base, host) < 0)\n        return 1;", "    if (open_all(polled, base, host) < 0)\n        return 0;",
           "test_port_in_use", "main() returns 0"),
    Mutant("atoi()", "services.c", "parse_number(argv[1], MAX_BASE)", "(unsigned short)strtol(argv[1], NULL, 10)", "test_wrong_usage", "atoi() and strtol()"),
    Mutant("datagrams have no answer", "services.c", ANSWERED, "    if (size == LONGEST)", "test_echo_by_udp", "recvfrom() says whom"),
    Mutant("discard answers, too", "services.c", "service == DISCARD || port < 1024", "port < 1024", "test_echo_by_udp", "it has no answer"),
    Mutant("strlen() on what came", "services.c", "service == ECHO ? (size_t)got", "service == ECHO ? strlen(buffer)", "test_echo_by_udp", "its size is what"),
    Mutant("a packet and no more", "services.c", "LONGEST = 65535", "LONGEST = 1500", "test_echo_by_udp", "all of it"),
    Mutant("an empty datagram is none", "services.c", "if (got < 0 || service", "if (got <= 0 || service", "test_echo_by_udp", "An empty datagram is one"),
    Mutant("chargen is silent by UDP", "services.c", "    size_t size = service == ECHO", "    if (service == CHARGEN)\n        return;\n    size_t size = service == ECHO",
           "test_time_by_udp", "chargen answers a datagram"),
    Mutant("only a right question is answered", "services.c", "    size_t size = service == ECHO", "    if (got == 0 && service == DAYTIME)\n        return;\n    size_t size = service == ECHO",
           "test_time_by_udp", "also an empty one"),
    Mutant("IPv4 only", "services.c", "parse_address(host, 0, &address) == 0)", "parse_address(host, 0, &address) != sizeof(struct sockaddr_in))",
           "test_echo_by_udp", "one of IPv6, too"),
    Mutant("nobody up to 1024", "services.c", "port < 1024", "port <= 1024", "test_low_ports", "Ports from 1024 on"),
    Mutant("SIGPIPE is not ignored", "services.c", "MSG_DONTWAIT | MSG_NOSIGNAL", "MSG_DONTWAIT", "test_chargen_by_tcp", "MSG_NOSIGNAL, or"),
    Mutant("ping-pong", "services.c", "service == DISCARD || port < 1024", "service == DISCARD || port < 0", "test_low_ports", "for ever"),
    Mutant("the port's bytes are not swapped", "services.c", "ntohs(((struct sockaddr_in *)&sender)->sin_port)", "((struct sockaddr_in *)&sender)->sin_port",
           "test_low_ports", "for ever"),
    Mutant("nobody below 65,535", "services.c", "port < 1024", "port < 65535", "test_low_ports", "Ports from 1024 on"),
    Mutant("one client at a time", "services.c", "CLIENTS = 200", "CLIENTS = 1", "test_echo_by_tcp", "a place in poll()'s list"),
    Mutant("room for 50", "services.c", "CLIENTS = 200", "CLIENTS = 50", "test_echo_by_tcp", "a place in poll()'s list"),
    Mutant("a thousand bytes and no more", "services.c", "client->service == ECHO && moved > 0 ? (size_t)moved : 0;",
           "client->service == ECHO && moved > 0 ? (size_t)(moved > 1000 ? 1000 : moved) : 0;", "test_echo_by_tcp", "Other bytes come back"),
    Mutant("discard echoes", "services.c", "client->end = client->service == ECHO && moved", "client->end = client->service != CHARGEN && moved", "test_discard_by_tcp", "thrown away"),
    Mutant("lines that do not turn", "services.c", PATTERN, PATTERN.replace("(line + i)", "i"), "test_chargen_by_tcp", "Each begins one character later"),
    Mutant("94 characters", "services.c", PATTERN, PATTERN.replace("95", "94"), "test_chargen_by_tcp", "72 of the 95"),
    Mutant("an end with the client's", "services.c", "    if (client->service == CHARGEN && client->start == client->end)\n",
           "    if (client->service == CHARGEN && recv(descriptor, &(char){0}, 1, MSG_DONTWAIT) == 0)\n        return 0;\n"
           "    if (client->service == CHARGEN && client->start == client->end)\n", "test_chargen_by_tcp", "still reads"),
    Mutant("an end", "services.c", MOVED, "    return client->line < 1000 && (moved > 0 || (moved < 0 && (errno == EAGAIN || errno == EINTR)));", "test_chargen_by_tcp", "has no end"),
    Mutant("it waits for what a client says", "services.c", "if (ends[i].revents != 0 && !serve", "if (recv(ends[i].fd, &(char){0}, 1, MSG_PEEK) >= 0 && ends[i].revents != 0 && !serve",
           "test_a_client_that_does_not_read", "MSG_DONTWAIT has both"),
    Mutant("always POLLOUT", "services.c", "sends ? POLLOUT : POLLIN", "sends ? POLLOUT : POLLIN | POLLOUT", "test_a_client_that_does_not_read", "It spins"),
    Mutant("chargen hears its clients", "services.c", "sends ? POLLOUT : POLLIN", "clients[i].service == CHARGEN ? POLLOUT | POLLIN : sends ? POLLOUT : POLLIN",
           "test_a_client_that_does_not_read", "It spins"),
    Mutant("close() at once", "services.c", SAID, "            return 0;\n", "test_who_has_said_something", "a reset (RST)"),
]
