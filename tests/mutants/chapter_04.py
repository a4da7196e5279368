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
           "test_counts_its_clients", "The first client is number 1"),
    Mutant("the greeting has its zero byte", "send-recv.c", "send_all(client, buffer, (size_t)length)",
           "send_all(client, buffer, (size_t)length + 1)",
           "test_greets_the_client", "too large a size"),
    Mutant("stdout is not line-buffered into a pipe", "send-recv.c",
           "    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);\n", "",
           "test_says_where_it_listens", "setvbuf"),
    Mutant("the address is that of the server's end", "connection.c",
           "    int client = accept(listener, (struct sockaddr *)peer, &length);\n",
           "    int client = accept(listener, NULL, NULL);\n\n"
           "    getsockname(client, (struct sockaddr *)peer, &length);\n",
           "test_prints_where_each_client_comes_from", "names our own end"),
    Mutant("the address's length is not set before accept()", "connection.c",
           "socklen_t length = sizeof *peer;", "socklen_t length = 0;",
           "test_prints_where_each_client_comes_from", "Its length has to be set"),
    Mutant("strlen() on binary data", "send-recv.c", ECHO, "send_all(client, buffer, strlen((char *)buffer))",
           "test_answers_while_the_client_still_speaks", "strlen()"),
    Mutant("the whole buffer is sent back", "send-recv.c", ECHO, "send_all(client, buffer, sizeof buffer)",
           "test_answers_while_the_client_still_speaks", "buffer's"),
    Mutant("recv() waits for a full buffer", "send-recv.c", RECV, RECV.replace(", 0)", ", MSG_WAITALL)"),
           "test_answers_while_the_client_still_speaks", "full buffer"),
    Mutant("it waits for the end of a line", "send-recv.c", RECV,
           "        ssize_t received = 0;\n\n"
           "        while (received < (ssize_t)sizeof buffer && recv(client, buffer + received, 1, 0) == 1)\n"
           "            if (buffer[received++] == '\\n')\n"
           "                break;\n",
           "test_answers_while_the_client_still_speaks", "end of a line"),
    Mutant("recv() of 0 is taken for nothing just now", "send-recv.c",
           "            return 0;\n        if (received < 0 && errno", "            continue;\n"
           "        if (received < 0 && errno",
           "test_answers_after_a_half_close", "not 'nothing just now'"),
    Mutant("who has ended its side gets no answer", "send-recv.c",
           DUMPED, DUMPED + "        if (recv(client, &on, 1, MSG_PEEK | MSG_DONTWAIT) == 0)\n"
           "            return 0; /* it has gone */\n",
           "test_answers_after_a_half_close", "left unanswered"),
    Mutant("the client's socket is not closed", "send-recv.c", "        close(client);\n", "",
           "test_answers_after_a_half_close", "nobody calls close()"),
    Mutant("bytes from 0x80 on are printed as ffffff80", "send-recv.c",
           "unsigned char byte = data[offset + i];", "signed char byte = (signed char)data[offset + i];",
           "test_shows_what_it_receives", "unsigned char"),
    Mutant("there is no gap after the eighth byte", "send-recv.c", 'i == 8 ? "  %02x" : " %02x"', '" %02x"',
           "test_shows_what_it_receives", "two after the eighth"),
    Mutant("the last line's hex column is not padded", "send-recv.c", "%-49s", "%s",
           "test_shows_what_it_receives", "%-49s pads"),
    Mutant("the text column is printed without a terminator", "send-recv.c", 'char ascii[16 + 1] = "";',
           "char ascii[16 + 1];",
           "test_shows_what_it_receives", "'\\0' of its own"),
    Mutant("repeated lines are left out", "send-recv.c",
           '        if (printf("%08zx', '        if ((offset < 16 || memcmp(data + offset - 16, data + offset, length / 3) != 0)'
           ' &&\n            printf("%08zx',
           "test_shows_what_it_receives", "lines that repeat"),
    Mutant("the offset goes on from piece to piece", "send-recv.c",
           '        if (printf("%08zx %-49s  |%s|\\n", offset,',
           '        static size_t all;\n\n        all += 16;\n'
           '        if (printf("%08zx %-49s  |%s|\\n", all - 16,',
           "test_shows_what_it_receives", "begins with 0 in each piece"),
    Mutant("the dump stays in stdio's buffer", "send-recv.c", LINE, "        setvbuf(stdout, NULL, _IOFBF, BUFSIZ);\n" + LINE,
           "test_shows_what_it_receives", "stdio's buffer"),
    Mutant("the last byte of a full buffer makes way for a zero", "send-recv.c",
           DUMPED,
           DUMPED + "        buffer[received < (ssize_t)sizeof buffer ? received : received - 1] = '\\0';\n",
           "test_a_mebibyte_in_pieces", "over its last byte"),
    Mutant("a full buffer is taken for an error", "send-recv.c",
           "        if (received < 0)\n            return report(\"recv from %s\", peer);\n",
           "        if (received < 0 || received == sizeof buffer)\n"
           "            return report(\"recv from %s\", peer);\n",
           "test_a_mebibyte_in_pieces", "is no error"),
    Mutant("one send() is assumed to be enough", "io.c", "            size -= (size_t)sent;",
           "            size = 0;",
           "test_a_mebibyte_to_a_slow_reader", "took only a part"),
    Mutant("all that ever came is kept", "send-recv.c", LINE + DUMP,
           "        static unsigned char history[1 << 26];\n"
           "        static size_t used;\n\n"
           "        for (ssize_t i = 0; i < received; i++)\n"
           "            history[used++] = buffer[i];\n"
           + LINE + "            print_hexdump(history + used - received, (size_t)received) < 0)\n",
           "test_takes_no_more_than_it_can_send_back", "has sent back already"),
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
           "test_random_faults", "ECONNABORTED, is no reason to end"),
    Mutant("it ends after the first client", "send-recv.c", SERVE, SERVE + "        return 0;\n",
           "test_one_client_after_another", "a loop without an end"),
    Mutant("every visitor is number 1", "send-recv.c", SERVE, SERVE.replace("visitors)", "1)"),
           "test_counts_its_clients", "is counted once"),
    Mutant("it asks without waiting", "send-recv.c",
           RECV + "\n        if (received == 0) /* the client has ended its side */\n            return 0;\n"
           "        if (received < 0 && errno == EINTR)\n",
           RECV.replace(", 0)", ", MSG_DONTWAIT)") + "\n        if (received == 0)\n            return 0;\n"
           "        if (received < 0 && (errno == EINTR || errno == EAGAIN))\n",
           "test_a_silent_client_costs_no_cpu_time", "again and again"),
    Mutant("SIGPIPE is fatal", "send-recv.c", ".sa_handler = SIG_IGN", ".sa_handler = SIG_DFL",
           "test_survives_a_reset_before_the_echo", "raises SIGPIPE"),
    Mutant("a client's error ends the program", "send-recv.c", SERVE,
           SERVE.replace("        serve_client(", "        if (serve_client(").replace(
               ");", ") < 0)\n            return 1;"),
           "test_survives_a_reset_before_the_echo", "tells of one client"),
    Mutant("a reset in recv() is fatal", "send-recv.c", """        if (received < 0)
            return report("recv from %s", peer);""", """        if (received < 0) {
            report("recv from %s", peer);
            _exit(1);
        }""",
           "test_survives_a_reset_before_the_echo", "tells of one client"),
    Mutant("a client that is gone before the greeting ends the program", "send-recv.c",
           """    if (send_all(client, buffer, (size_t)length) < 0)
        return report("send to %s", peer);""", """    if (send_all(client, buffer, (size_t)length) < 0) {
        report("send to %s", peer);
        _exit(1);
    }""",
           "test_survives_a_reset_before_the_echo", "tells of one client"),
    Mutant("perror() reports what clients do", "send-recv.c", 'return report("recv from %s", peer);',
           'return perror("recv"), -1;',
           "test_reports_a_reset", "perror()"),
    Mutant("a reset is not reported", "send-recv.c", 'return report("recv from %s", peer);', "return -1;",
           "test_reports_a_reset", "recv() fails with ECONNRESET"),
    Mutant("an error is reported twice", "send-recv.c", 'return report("recv from %s", peer);',
           'return report("recv"), report("recv from %s", peer);',
           "test_reports_a_reset", "One line for each client"),
    Mutant("the end of the client's side is an error", "send-recv.c",
           "        if (received == 0) /* the client has ended its side */\n            return 0;\n",
           "        if (received == 0)\n            return report(\"recv from %s\", peer);\n",
           "test_reports_a_reset", "is no error"),
    Mutant("who is silent for a second is given up", "send-recv.c",
           "    if (send_all(client, buffer, (size_t)length) < 0)\n",
           "    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &(long[2]){1, 0}, 2 * sizeof(long));\n"
           "    if (send_all(client, buffer, (size_t)length) < 0)\n",
           "test_is_patient_with_a_silent_client", "SO_RCVTIMEO"),
    Mutant("visitors are counted in a byte", "send-recv.c", "for (unsigned long visitors = 0;;)",
           "for (unsigned char visitors = 0;;)",
           "test_counts_its_clients", "outgrows its type"),
    Mutant("the greeting's buffer is for two digits", "send-recv.c", "snprintf((char *)buffer, sizeof buffer,",
           "snprintf((char *)buffer, 35,",
           "test_counts_its_clients", "outgrows its type"),
    Mutant("a descriptor leaks when the echo fails", "send-recv.c",
           "        if (send_all(client, buffer, (size_t)received) < 0)\n",
           "        if (send_all(client, buffer, (size_t)received) < 0 && dup(client) > 0)\n",
           "test_leaks_nothing", "after an error"),
    Mutant("the address is ignored", "send-recv.c", 'argc > 2 ? argv[2] : "127.0.0.1";', '"127.0.0.1";',
           "test_takes_its_port", "second argument is ignored"),
    Mutant("shutdown() stands for close()", "send-recv.c", "        close(client);\n",
           "        shutdown(client, SHUT_RDWR);\n",
           "test_leaks_nothing", "is not closed"),
    Mutant("after an error the client's socket is not closed", "send-recv.c", SERVE,
           SERVE.replace("        serve_client(", "        if (serve_client(").replace(
               ");", ") < 0)\n            continue;"),
           "test_leaks_nothing", "after an error"),
    Mutant("a FILE for each client is never closed", "send-recv.c",
           "    if (send_all(client, buffer, (size_t)length) < 0)\n",
           "    FILE *stream = fdopen(client, \"w\");\n\n"
           "    if (stream == NULL || fputs((char *)buffer, stream) == EOF || fflush(stream) == EOF)\n",
           "test_leaks_nothing", "fclose()"),
    Mutant("lack of descriptors makes it spin", "connection.c",
           "        nanosleep(&moment, NULL); /* or we would spin */\n", "",
           "test_lack_of_descriptors_is_survived_without_spinning", "asks again at once"),
    Mutant("lack of descriptors is fatal", "connection.c",
           "        nanosleep(&moment, NULL); /* or we would spin */\n", "        exit(1);\n",
           "test_lack_of_descriptors_is_survived_without_spinning", "no reason to end"),
    Mutant("no TCP_NODELAY", "send-recv.c", "IPPROTO_TCP, TCP_NODELAY", "SOL_SOCKET, SO_KEEPALIVE",
           "test_waits_for_no_acknowledgement", "TCP_NODELAY"),
    Mutant("no SO_REUSEADDR", "listener.c",
           "    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)\n"
           "        report(\"setsockopt SO_REUSEADDR\");\n"
           "    else if (bind(", "    on = 0;\n    if (bind(",
           "test_takes_its_port", "SO_REUSEADDR is not set"),
    Mutant("no htons()", "address.c", "        ipv4->sin_port = htons((uint16_t)port);",
           "        ipv4->sin_port = (uint16_t)port;",
           "test_takes_its_port", "htons()"),
    Mutant("another default port", "send-recv.c", '"7890"', '"7891"',
           "test_takes_its_port", "the port is 7890"),
    Mutant("INADDR_ANY", "send-recv.c",
           '"127.0.0.1"; /* only this machine can reach us */', '"0.0.0.0";',
           "test_takes_its_port", "INADDR_ANY"),
    Mutant("80x is taken for 80", "address.c",
           'return -1; /* strtol() would let " 80", "+80" and "80x" pass */', "break;",
           "test_wrong_arguments", "atoi()"),
    Mutant("it never calls listen()", "listener.c",
           "    else if (listen(listener, SOMAXCONN) < 0) /* a long backlog; the kernel has its own limit */\n"
           "        report(\"listen on %s\", address_text(address, text));\n", "",
           "test_takes_a_client", "listen()"),
    Mutant("port 0 is refused", "send-recv.c", "    if (port < 0)\n", "    if (port <= 0)\n",
           "test_takes_a_client", "0 is a port"),
    Mutant("the listening line goes to stderr", "listener.c", 'printf("listening', 'fprintf(stderr, "listening',
           "test_says_where_it_listens", "goes to stderr"),
    Mutant("the listening line has the port that was asked for", "send-recv.c", "print_listening(listener) < 0)",
           'printf("listening on %s port %d\\n", host, port) < 0)',
           "test_says_where_it_listens", "getsockname()"),
    Mutant("no ntohs() for its own port", "address.c", "port = ntohs(ipv4->sin_port);", "port = ipv4->sin_port;",
           "test_says_where_it_listens", "ntohs()"),
    Mutant("Listening with a capital letter", "listener.c", '"listening on', '"Listening on',
           "test_says_where_it_listens", "word for word"),
    Mutant("it closes after the greeting", "send-recv.c", "    for (;;) {\n        /* TCP", "    if (client > 0)\n"
           "        return 0;\n    for (;;) {\n        /* TCP",
           "test_answers_while_the_client_still_speaks", "closes after the greeting"),
    Mutant("it closes without a word", "send-recv.c", SERVE, "        (void)serve_client;\n",
           "test_greets_the_client", "as chapter 3's did"),
    Mutant("it greets who has spoken", "send-recv.c", "    if (send_all(client, buffer, (size_t)length) < 0)\n",
           "    recv(client, &on, 1, MSG_PEEK);\n    if (send_all(client, buffer, (size_t)length) < 0)\n",
           "test_greets_the_client", "before the first recv()"),
    Mutant("the greeting lacks its comma", "send-recv.c", "Hello, world!", "Hello world!",
           "test_greets_the_client", "byte for byte"),
    Mutant("the connection line goes to stderr", "send-recv.c", 'printf("connection', 'fprintf(stderr, "connection',
           "test_prints_where_each_client_comes_from", "goes to stderr"),
    Mutant("the connection line waits for the first piece", "send-recv.c", "    for (unsigned long visitors = 0;;) {\n",
           "    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);\n    for (unsigned long visitors = 0;;) {\n",
           "test_prints_where_each_client_comes_from", "stdio's buffer"),
    Mutant("it says when a client has left", "send-recv.c", "        close(client);\n",
           '        close(client);\n        printf("connection %lu closed\\n", visitors);\n',
           "test_prints_where_each_client_comes_from", "nothing is said when it leaves"),
    Mutant("no ntohs() for clients", "address.c", "port = ntohs(ipv4->sin_port);", "port = ipv4->sin_port;",
           "test_prints_where_each_client_comes_from", "ntohs()"),
    Mutant("the client has the server's address", "send-recv.c",
           "                   address_text((struct sockaddr *)&peer, peer_text)) < 0)",
           "                   (((unsigned char *)&peer)[7] = 1, address_text((struct sockaddr *)&peer, peer_text))) < 0)",
           "test_prints_where_each_client_comes_from", "the server's own"),
    Mutant("it closes after the first piece", "send-recv.c", "        if (send_all(client, buffer, (size_t)received) < 0)\n",
           "        if (send_all(client, buffer, (size_t)received) == 0)\n            return 0;\n        else\n",
           "test_answers_while_the_client_still_speaks", "after the first piece"),
    Mutant("strlen() finds the zero byte", "send-recv.c", ECHO,
           "send_all(client, buffer, strnlen((char *)buffer, (size_t)received))",
           "test_answers_while_the_client_still_speaks", "ends at a zero byte"),
    Mutant("SO_LINGER with a time of 0", "send-recv.c", "    if (send_all(client, buffer, (size_t)length) < 0)\n",
           "    setsockopt(client, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));\n"
           "    if (send_all(client, buffer, (size_t)length) < 0)\n",
           "test_answers_after_a_half_close", "SO_LINGER"),
    Mutant("a child for each client", "send-recv.c", SERVE, "        if (fork() == 0) {\n" + SERVE + "            _exit(0);\n        }\n",
           "test_one_client_after_another", "whose turn has not come"),
    Mutant("a backlog of 1", "listener.c", "SOMAXCONN", "1",
           "test_has_room_for_clients_that_wait", "SOMAXCONN"),
    Mutant("one space too few after 8 bytes", "send-recv.c", '        if (printf("%08zx %-49s  |%s|\\n", offset, hex, ascii) < 0)',
           '        if (printf("%08zx %-*s  |%s|\\n", offset, size - offset == 8 ? 48 : 49, hex, ascii) < 0)',
           "test_shows_what_it_receives", "Try 7, 8 and 9 bytes"),
    Mutant("the dump has hexdump's last line", "send-recv.c", "    return 0;\n}\n\n/* Greets",
           '    printf("%08zx\\n", size);\n    return 0;\n}\n\n/* Greets',
           "test_shows_what_it_receives", "is left out"),
    Mutant("it receives more than the buffer has room for", "send-recv.c", RECV, RECV.replace("sizeof buffer", "1 << 20"),
           "test_a_mebibyte_in_pieces", "behind the end of its buffer"),
    Mutant("after a short count it sends from the beginning", "io.c", "            next += sent;\n", "",
           "test_a_mebibyte_to_a_slow_reader", "go on behind that part"),
    Mutant("what cannot go back yet is collected", "send-recv.c", RECV,
           "        static unsigned char waiting[1 << 27];\n"
           "        size_t start = 0, end = 0;\n"
           "        ssize_t received;\n\n"
           "        while ((received = recv(client, waiting + end, sizeof buffer, start < end ? MSG_DONTWAIT : 0)) != 0) {\n"
           "            if (received > 0) {\n"
           '                printf("bytes received: %zd\\n", received);\n'
           "                print_hexdump(waiting + end, (size_t)received);\n"
           "                end += (size_t)received;\n"
           "            } else if (errno != EAGAIN && errno != EINTR) {\n"
           "                break;\n"
           "            }\n"
           "            ssize_t sent = send(client, waiting + start, end - start, MSG_DONTWAIT);\n"
           "            if (sent > 0 && (start += (size_t)sent) == end)\n"
           "                start = end = 0;\n"
           "        }\n"
           "        if (end > start)\n"
           "            send_all(client, waiting + start, end - start);\n",
           "test_takes_no_more_than_it_can_send_back", "must not be collected"),
    Mutant("an accept() that failed is counted", "send-recv.c", "        if (client < 0)\n            continue;\n",
           "        if (client < 0) {\n            visitors++;\n            continue;\n        }\n",
           "test_random_faults", "is not counted"),
    Mutant("it looks every millisecond", "send-recv.c",
           RECV + "\n        if (received == 0) /* the client has ended its side */\n            return 0;\n"
           "        if (received < 0 && errno == EINTR)\n",
           "        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &(long[2]){0, 1000}, 2 * sizeof(long));\n" + RECV
           + "\n        if (received == 0)\n            return 0;\n"
           "        if (received < 0 && (errno == EINTR || errno == EAGAIN))\n",
           "test_a_silent_client_costs_no_cpu_time", "sleeps in between"),
    Mutant("alarm() ends who meets a silent client", "send-recv.c", RECV, "        alarm(5);\n" + RECV,
           "test_is_patient_with_a_silent_client", "alarm()"),
    Mutant("a reset while it sends is not reported", "send-recv.c",
           "        if (send_all(client, buffer, (size_t)received) < 0)\n            return report(\"send to %s\", peer);\n",
           "        if (send_all(client, buffer, (size_t)received) < 0)\n            return -1;\n",
           "test_reports_a_reset", "send() fails, too"),
    Mutant("lack of descriptors is reported by perror()", "connection.c",
           "    default: /* out of descriptors or memory: the client waits in the queue, and so must we */\n"
           "        report(\"accept\");\n", "    default:\n        perror(\"accept\");\n",
           "test_lack_of_descriptors_is_survived_without_spinning", "with the symbol EMFILE"),
    Mutant("port 65535 is refused", "send-recv.c", "    if (port < 0)\n", "    if (port < 0 || port == 65535)\n",
           "test_takes_its_port", "65535 are ports"),
    Mutant("a failed bind() is reported by perror()", "listener.c", 'report("bind %s", address_text(address, text));',
           'address_text(address, text), perror("bind");',
           "test_port_in_use", "perror()"),
    Mutant("a failed bind() does not say where", "listener.c", 'report("bind %s", address_text(address, text));',
           'address_text(address, text), report("bind");',
           "test_port_in_use", "which address and port"),
    Mutant("SO_REUSEPORT", "listener.c", "SOL_SOCKET, SO_REUSEADDR,", "SOL_SOCKET, 15 /* SO_REUSEPORT of Linux */,",
           "test_port_in_use", "SO_REUSEPORT"),
    Mutant("it introduces itself", "send-recv.c", "    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);\n",
           "    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);\n    puts(\"an echo server\");\n",
           "test_port_in_use", "stdout is for results"),
    Mutant("a failed start exits 2", "send-recv.c", "print_listening(listener) < 0)\n        return 1;",
           "print_listening(listener) < 0)\n        return 2;",
           "test_port_in_use", "exit status is 1"),
    Mutant("usage goes to stdout", "send-recv.c", '    fprintf(stderr, "usage:', '    fprintf(stdout, "usage:',
           "test_wrong_arguments", "belongs on stderr"),
    Mutant("usage goes to stdout, too", "send-recv.c", '    fprintf(stderr, "usage:', '    puts("usage: see there");\n'
           '    fprintf(stderr, "usage:',
           "test_wrong_arguments", "Nothing goes to stdout"),
    Mutant("the bad argument is not named", "send-recv.c", 'fprintf(stderr, "%s: %s: %s\\n", program, input, problem);',
           '(void)input, fprintf(stderr, "%s: %s\\n", program, problem);',
           "test_wrong_arguments", "repeat the argument"),
    Mutant("wrong usage exits 1", "send-recv.c", "    return 2;\n", "    return 1;\n",
           "test_wrong_arguments", "exit status 2"),
    Mutant("a third argument is not looked at", "send-recv.c", "    if (argc > 3)\n", "    if (argc > 4)\n",
           "test_wrong_arguments", "argc"),
    Mutant("localhost is taken for an address", "address.c", "    if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1) {",
           "    if (inet_pton(AF_INET, strcmp(text, \"localhost\") ? text : \"127.0.0.1\", &ipv4->sin_addr) == 1) {",
           "test_wrong_arguments", "A name is no address"),
    Mutant("the port wraps around", "address.c",
           "        number = 10 * number + (*text - '0');\n        if (number > max)\n            return -1;\n    }\n    return number;\n",
           "        number = (int)(10u * (unsigned)number + (unsigned)(*text - '0'));\n    }\n"
           "    return number < 0 || number > max ? -1 : number;\n",
           "test_wrong_arguments", "wraps around"),
    Mutant("what inet_pton() says is not looked at", "send-recv.c", "    if (length == 0)\n", "    if (argc < 0)\n",
           "test_wrong_arguments", "inet_pton() returned"),
]
