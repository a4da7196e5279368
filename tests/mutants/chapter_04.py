"""Wrong versions of 04-send-recv."""

from mutants import Mutant

RECV = "        ssize_t received = recv(client, buffer, sizeof buffer, 0);\n"
LINE = '        if (printf("bytes received: %zd\\n", received) < 0 ||\n'
DUMP = "            print_hexdump(buffer, (size_t)received) < 0)\n"
DUMPED = DUMP + '            report("stdout");\n'
ECHO = "send_all(client, buffer, (size_t)received)"
SERVE = "        serve_client(client, peer_text, visitors); /* whatever became of it, the next one waits */\n"

MUTANTS = [
    Mutant("visitors are counted from 0", "send-recv.c", "serve_client(client, peer_text, visitors)",
           "serve_client(client, peer_text, visitors - 1)",
           "test_greets_the_first_visitor", "visitor 0"),
    Mutant("the greeting has its zero byte", "send-recv.c", "send_all(client, buffer, (size_t)length)",
           "send_all(client, buffer, (size_t)length + 1)",
           "test_greets_the_first_visitor", "more comes than the greeting"),
    Mutant("stdout is not line-buffered into a pipe", "send-recv.c",
           "    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);\n", "",
           "test_greets_the_first_visitor", "listening on ADDRESS port PORT"),
    Mutant("the address is that of the server's end", "connection.c",
           "    int client = accept(listener, (struct sockaddr *)peer, &length);\n",
           "    int client = accept(listener, NULL, NULL);\n\n"
           "    getsockname(client, (struct sockaddr *)peer, &length);\n",
           "test_prints_where_each_client_comes_from", "expected: 'connection 1 from 127.0.0.1 port"),
    Mutant("the address's length is not set before accept()", "connection.c",
           "socklen_t length = sizeof *peer;", "socklen_t length = 0;",
           "test_prints_where_each_client_comes_from", "expected: 'connection 1 from 127.0.0.1 port"),
    Mutant("strlen() on binary data", "send-recv.c", ECHO, "send_all(client, buffer, strlen((char *)buffer))",
           "test_answers_while_the_client_still_speaks", "string"),
    Mutant("the whole buffer is sent back", "send-recv.c", ECHO, "send_all(client, buffer, sizeof buffer)",
           "test_answers_while_the_client_still_speaks", "more than recv() brought"),
    Mutant("recv() waits for a full buffer", "send-recv.c", RECV, RECV.replace(", 0)", ", MSG_WAITALL)"),
           "test_answers_while_the_client_still_speaks", "timed out"),
    Mutant("it waits for the end of a line", "send-recv.c", RECV,
           "        ssize_t received = 0;\n\n"
           "        while (received < (ssize_t)sizeof buffer && recv(client, buffer + received, 1, 0) == 1)\n"
           "            if (buffer[received++] == '\\n')\n"
           "                break;\n",
           "test_answers_while_the_client_still_speaks", "line end"),
    Mutant("recv() of 0 is taken for nothing just now", "send-recv.c",
           "            return 0;\n        if (received < 0 && errno", "            continue;\n"
           "        if (received < 0 && errno",
           "test_answers_after_a_half_close", "still open"),
    Mutant("who has ended its side gets no answer", "send-recv.c",
           DUMPED, DUMPED + "        if (recv(client, &on, 1, MSG_PEEK | MSG_DONTWAIT) == 0)\n"
           "            return 0; /* it has gone */\n",
           "test_answers_after_a_half_close", "ended its side after 0 bytes of 10"),
    Mutant("the client's socket is not closed", "send-recv.c", "        close(client);\n", "",
           "test_answers_after_a_half_close", "still open"),
    Mutant("bytes from 0x80 on are printed as ffffff80", "send-recv.c",
           "unsigned char byte = data[offset + i];", "signed char byte = (signed char)data[offset + i];",
           "test_shows_what_it_receives", "ffffff"),
    Mutant("there is no gap after the eighth byte", "send-recv.c", 'i == 8 ? "  %02x" : " %02x"', '" %02x"',
           "test_shows_what_it_receives", "the gap after the eighth byte"),
    Mutant("the last line's hex column is not padded", "send-recv.c", "%-49s", "%s",
           "test_shows_what_it_receives", "its width"),
    Mutant("the text column is printed without a terminator", "send-recv.c", 'char ascii[16 + 1] = "";',
           "char ascii[16 + 1];",
           "test_shows_what_it_receives", "a text without its '\\0'"),
    Mutant("repeated lines are left out", "send-recv.c",
           '        if (printf("%08zx', '        if ((offset < 16 || memcmp(data + offset - 16, data + offset, length / 3) != 0)'
           ' &&\n            printf("%08zx',
           "test_shows_what_it_receives", "* for repeated lines"),
    Mutant("the offset goes on from piece to piece", "send-recv.c",
           '        if (printf("%08zx %-49s  |%s|\\n", offset,',
           '        static size_t all;\n\n        all += 16;\n'
           '        if (printf("%08zx %-49s  |%s|\\n", all - 16,',
           "test_shows_what_it_receives", "from piece to piece"),
    Mutant("the dump stays in stdio's buffer", "send-recv.c", LINE, "        setvbuf(stdout, NULL, _IOFBF, BUFSIZ);\n" + LINE,
           "test_shows_what_it_receives", "not flushed"),
    Mutant("the last byte of a full buffer makes way for a zero", "send-recv.c",
           DUMPED,
           DUMPED + "        buffer[received < (ssize_t)sizeof buffer ? received : received - 1] = '\\0';\n",
           "test_a_mebibyte_in_pieces", "0x00"),
    Mutant("a full buffer is taken for an error", "send-recv.c",
           "        if (received < 0)\n            return report(\"recv from %s\", peer);\n",
           "        if (received < 0 || received == sizeof buffer)\n"
           "            return report(\"recv from %s\", peer);\n",
           "test_a_mebibyte_in_pieces", "ended its side"),
    Mutant("one send() is assumed to be enough", "io.c", "            size -= (size_t)sent;",
           "            size = 0;",
           "test_a_mebibyte_to_a_slow_reader", "took only a part"),
    Mutant("all that ever came is kept", "send-recv.c", LINE + DUMP,
           "        static unsigned char history[1 << 26];\n"
           "        static size_t used;\n\n"
           "        for (ssize_t i = 0; i < received; i++)\n"
           "            history[used++] = buffer[i];\n"
           + LINE + "            print_hexdump(history + used - received, (size_t)received) < 0)\n",
           "test_takes_no_more_than_it_can_send_back", "its memory has grown by"),
    Mutant("EINTR in recv() is fatal to the client", "send-recv.c",
           "        if (received < 0 && errno == EINTR)\n            continue;\n", "",
           "test_random_faults", "EINTR"),
    Mutant("EINTR in send() is fatal to the client", "io.c", "else if (errno != EINTR)", "else",
           "test_random_faults", "EINTR"),
    Mutant("ECONNABORTED in accept() is fatal", "connection.c",
           "    case ECONNABORTED: /* the client gave up while it was in the queue */\n"
           "    case EAGAIN:       /* there is no client after all */\n"
           "        break;\n",
           "    case EAGAIN:       /* there is no client after all */\n"
           "        break;\n"
           "    case ECONNABORTED:\n",
           "test_random_faults", "an accept() that fails"),
    Mutant("it ends after the first client", "send-recv.c", SERVE, SERVE + "        return 0;\n",
           "test_one_client_after_another", "After the first client"),
    Mutant("every visitor is number 1", "send-recv.c", SERVE, SERVE.replace("visitors)", "1)"),
           "test_one_client_after_another", "visitor 2"),
    Mutant("it asks without waiting", "send-recv.c",
           RECV + "\n        if (received == 0) /* the client has ended its side */\n            return 0;\n"
           "        if (received < 0 && errno == EINTR)\n",
           RECV.replace(", 0)", ", MSG_DONTWAIT)") + "\n        if (received == 0)\n            return 0;\n"
           "        if (received < 0 && (errno == EINTR || errno == EAGAIN))\n",
           "test_a_silent_client_costs_no_cpu_time", "spins"),
    Mutant("SIGPIPE is fatal", "send-recv.c", ".sa_handler = SIG_IGN", ".sa_handler = SIG_DFL",
           "test_survives_a_reset_before_the_echo", "SIGPIPE"),
    Mutant("a client's error ends the program", "send-recv.c", SERVE,
           SERVE.replace("        serve_client(", "        if (serve_client(").replace(
               ");", ") < 0)\n            return 1;"),
           "test_survives_a_reset_before_the_echo", "a reason to end"),
    Mutant("a reset in recv() is fatal", "send-recv.c", """        if (received < 0)
            return report("recv from %s", peer);""", """        if (received < 0) {
            report("recv from %s", peer);
            _exit(1);
        }""",
           "test_survives_a_reset_before_the_echo", "The server has ended: exit status 1"),
    Mutant("a client that is gone before the greeting ends the program", "send-recv.c",
           """    if (send_all(client, buffer, (size_t)length) < 0)
        return report("send to %s", peer);""", """    if (send_all(client, buffer, (size_t)length) < 0) {
        report("send to %s", peer);
        _exit(1);
    }""",
           "test_survives_a_reset_before_the_echo", "The server has ended: exit status 1"),
    Mutant("perror() reports what clients do", "send-recv.c", 'return report("recv from %s", peer);',
           'return perror("recv"), -1;',
           "test_survives_a_reset_before_the_echo", "perror()"),
    Mutant("a reset is not reported", "send-recv.c", 'return report("recv from %s", peer);', "return -1;",
           "test_survives_a_reset_before_the_echo", "(ECONNRESET)"),
    Mutant("an error is reported twice", "send-recv.c", 'return report("recv from %s", peer);',
           'return report("recv"), report("recv from %s", peer);',
           "test_survives_a_reset_before_the_echo", "more than a line"),
    Mutant("the end of the client's side is an error", "send-recv.c",
           "        if (received == 0) /* the client has ended its side */\n            return 0;\n",
           "        if (received == 0)\n            return report(\"recv from %s\", peer);\n",
           "test_one_client_after_another", "no error"),
    Mutant("who is silent for a second is given up", "send-recv.c",
           "    if (send_all(client, buffer, (size_t)length) < 0)\n",
           "    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &(long[2]){1, 0}, 2 * sizeof(long));\n"
           "    if (send_all(client, buffer, (size_t)length) < 0)\n",
           "test_a_silent_client_costs_no_cpu_time", "given up"),
    Mutant("visitors are counted in a byte", "send-recv.c", "for (unsigned long visitors = 0;;)",
           "for (unsigned char visitors = 0;;)",
           "test_leaks_nothing", "outgrows its type"),
    Mutant("the greeting's buffer is for two digits", "send-recv.c", "snprintf((char *)buffer, sizeof buffer,",
           "snprintf((char *)buffer, 35,",
           "test_leaks_nothing", "outgrows its type"),
    Mutant("a descriptor leaks when the echo fails", "send-recv.c",
           "        if (send_all(client, buffer, (size_t)received) < 0)\n",
           "        if (send_all(client, buffer, (size_t)received) < 0 && dup(client) > 0)\n",
           "test_leaks_nothing", "no more descriptors than before"),
    Mutant("the address is ignored", "send-recv.c", 'argc > 2 ? argv[2] : "127.0.0.1";', '"127.0.0.1";',
           "test_prints_where_each_client_comes_from", "::1, is ignored"),
    Mutant("shutdown() stands for close()", "send-recv.c", "        close(client);\n",
           "        shutdown(client, SHUT_RDWR);\n",
           "test_leaks_nothing", "no more descriptors than before"),
    Mutant("after an error the client's socket is not closed", "send-recv.c", SERVE,
           SERVE.replace("        serve_client(", "        if (serve_client(").replace(
               ");", ") < 0)\n            continue;"),
           "test_leaks_nothing", "no more descriptors than before"),
    Mutant("a FILE for each client is never closed", "send-recv.c",
           "    if (send_all(client, buffer, (size_t)length) < 0)\n",
           "    FILE *stream = fdopen(client, \"w\");\n\n"
           "    if (stream == NULL || fputs((char *)buffer, stream) == EOF || fflush(stream) == EOF)\n",
           "test_leaks_nothing", "its memory has grown by"),
    Mutant("lack of descriptors makes it spin", "connection.c",
           "        nanosleep(&moment, NULL); /* or we would spin */\n", "",
           "test_lack_of_descriptors_is_survived_without_spinning", "spins"),
    Mutant("lack of descriptors is fatal", "connection.c",
           "        nanosleep(&moment, NULL); /* or we would spin */\n", "        exit(1);\n",
           "test_lack_of_descriptors_is_survived_without_spinning", "to end is wrong"),
    Mutant("no SO_REUSEADDR", "listener.c",
           "    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)\n"
           "        report(\"setsockopt SO_REUSEADDR\");\n"
           "    else if (bind(", "    on = 0;\n    if (bind(",
           "test_takes_its_port", "SO_REUSEADDR"),
    Mutant("no htons()", "address.c", "        ipv4->sin_port = htons((uint16_t)port);",
           "        ipv4->sin_port = (uint16_t)port;",
           "test_takes_its_port", "htons()"),
    Mutant("another default port", "send-recv.c", '"7890"', '"7891"',
           "test_takes_its_port", "the default is not 7890"),
    Mutant("INADDR_ANY", "send-recv.c",
           '"127.0.0.1"; /* only this machine can reach us */', '"0.0.0.0";',
           "test_takes_its_port", "not on 127.0.0.1 only"),
    Mutant("80x is taken for 80", "address.c",
           'return -1; /* strtol() would let " 80", "+80" and "80x" pass */', "break;",
           "test_wrong_arguments", "exit status"),
]
