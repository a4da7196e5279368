"""Wrong versions of 05-client."""

from mutants import Mutant

SIZE = "        size_t size = flow->end - flow->start < PIPE_BUF ? flow->end - flow->start : PIPE_BUF;\n"
READ = "        ssize_t got = read(flow->from, flow->buffer, sizeof flow->buffer);\n"
WRITE = "        ssize_t put = write(flow->to, flow->buffer + flow->start, size);\n"
READ_FAILS = "if (got < 0 && errno != EINTR && errno != EAGAIN)"
WRITE_FAILS = "if (put < 0 && errno != EINTR && errno != EAGAIN)"
POLL_FAILS = "        if (ready < 0)\n            return report(\"poll\");\n"
HALF_CLOSE = "            if (shutdown(server, SHUT_WR) < 0 && errno != ENOTCONN)\n" \
             "                return report(\"shutdown\");\n"
IGNORE_SIGPIPE = "sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL)"
# From the end of ask_for() to the beginning of move():
ASKS = """    source->fd = is_empty(flow) && !flow->ended ? flow->from : -1;
    source->events = POLLIN;
    sink->fd = is_empty(flow) ? -1 : flow->to;
    sink->events = POLLOUT;
}

/* Moves what can be moved now. Returns 0, or -1 after a report. */
static int move(struct flow *flow, bool readable, bool writable)
{
    if (readable) {
"""
# It keeps what stdin brings in a buffer that grows:
HOARDS = ASKS.replace("is_empty(flow) && !flow->ended ? flow->from : -1", "!flow->ended ? flow->from : -1").replace(
    "    if (readable) {\n",
    "    static char hoard[1 << 27];\n    static size_t kept, sent;\n\n"
    "    if (flow->from == STDIN_FILENO && readable) {\n"
    "        ssize_t more = read(flow->from, hoard + kept, kept < sizeof hoard ? 16384 : 0);\n\n"
    "        flow->ended = more == 0;\n        kept += more > 0 ? (size_t)more : 0;\n"
    "        if (is_empty(flow)) {\n"
    "            flow->start = flow->end = 0;\n"
    "            while (sent < kept && flow->end < sizeof flow->buffer)\n"
    "                flow->buffer[flow->end++] = hoard[sent++];\n        }\n"
    "    } else if (readable && is_empty(flow)) {\n")

MUTANTS = [
    Mutant("no htons()", "address.c", "        ipv4->sin_port = htons((uint16_t)port);",
           "        ipv4->sin_port = (uint16_t)port;",
           "test_prints_what_the_server_says", "network byte order"),
    Mutant("what comes stays in stdio's buffer", "client.c", WRITE,
           "        ssize_t put = flow->to == STDOUT_FILENO\n"
           "                          ? (ssize_t)fwrite(flow->buffer + flow->start, 1, size, stdout)\n"
           "                          : write(flow->to, flow->buffer + flow->start, size);\n",
           "test_prints_what_the_server_says", "stdio's buffer"),
    Mutant("all of stdin is sent before anything is received", "client.c",
           "        ask_for(&down, &ends[2], &ends[3]);\n",
           "        if (half_closed)\n            ask_for(&down, &ends[2], &ends[3]);\n"
           "        else\n            ends[2].fd = ends[3].fd = -1;\n",
           "test_speaks_and_listens_at_the_same_time", "reads all of it first"),
    Mutant("stdin is read with fgets()", "client.c", READ,
           "        ssize_t got;\n\n        if (flow->from != STDIN_FILENO)\n"
           "            got = read(flow->from, flow->buffer, sizeof flow->buffer);\n"
           "        else if (fgets(flow->buffer, sizeof flow->buffer, stdin) != NULL)\n"
           "            for (got = 0; flow->buffer[got] != '\\0'; got++)\n                ;\n"
           "        else\n            got = 0;\n",
           "test_speaks_and_listens_at_the_same_time", "fgets"),
    Mutant("what comes goes out line by line", "client.c", WRITE,
           "        setvbuf(stdout, NULL, _IOLBF, BUFSIZ);\n"
           "        ssize_t put = flow->to == STDOUT_FILENO\n"
           "                          ? (ssize_t)fwrite(flow->buffer + flow->start, 1, size, stdout)\n"
           "                          : write(flow->to, flow->buffer + flow->start, size);\n",
           "test_speaks_and_listens_at_the_same_time", "has no line end yet"),
    Mutant("no half-close", "client.c", HALF_CLOSE, "",
           "test_end_of_stdin_half_closes_and_the_answer_still_comes", "shutdown(SHUT_WR) says"),
    Mutant("both directions are shut down at the end of stdin", "client.c", "SHUT_WR)", "SHUT_RDWR)",
           "test_end_of_stdin_half_closes_and_the_answer_still_comes", "ends one direction"),
    Mutant("it ends with stdin", "client.c", "            half_closed = true;\n            continue;\n",
           "            break;\n",
           "test_end_of_stdin_half_closes_and_the_answer_still_comes", "goes on reading"),
    Mutant("it looks for POLLIN only, and the end of stdin is POLLHUP", "client.c",
           "ends[0].revents != 0", "(ends[0].revents & POLLIN) != 0",
           "test_end_of_stdin_half_closes_and_the_answer_still_comes", "POLLHUP"),
    Mutant("three seconds for stdin when the server has ended", "client.c", "last_call ? 0 : -1", "last_call ? 3000 : -1",
           "test_ends_when_a_server_that_speaks_first_closes", "to wait for a person"),
    Mutant("it waits for stdin when the server has ended", "client.c", "last_call ? 0 : -1", "-1",
           "test_ends_when_a_server_that_speaks_first_closes", "to wait for a person"),
    Mutant("printf(\"%s\") on binary data", "client.c", WRITE,
           "        ssize_t put = dprintf(flow->to, \"%.*s\", (int)size, flow->buffer + flow->start);\n",
           "test_every_byte_value_passes_unchanged", "string"),
    Mutant("only IPv4", "address.c", "if (inet_pton(AF_INET6, text, &ipv6->sin6_addr) == 1)", "if (0)",
           "test_every_byte_value_passes_unchanged", "IPv6"),
    Mutant("it receives only when all is sent: deadlock", "client.c",
           "        ask_for(&down, &ends[2], &ends[3]);\n",
           "        if (up.ended && is_empty(&up))\n            ask_for(&down, &ends[2], &ends[3]);\n"
           "        else\n            ends[2].fd = ends[3].fd = -1;\n",
           "test_a_large_echo_comes_back_identical", "While it sends, it does not receive"),
    Mutant("a short count is taken for all", "client.c", "flow->start += put > 0 ? (size_t)put : 0;",
           "flow->start = flow->end;",
           "test_a_large_echo_comes_back_identical", "What write() did not take"),
    Mutant("all is printed, and it waits for stdin", "client.c", "last_call ? 0 : -1", "-1",
           "test_all_of_a_large_answer_is_printed_after_the_server_has_closed", "does not end when all is printed"),
    Mutant("POLLHUP is taken for the end", "client.c", POLL_FAILS,
           POLL_FAILS + "        if (ends[2].revents & POLLHUP)\n            break;\n",
           "test_all_of_a_large_answer_is_printed_after_the_server_has_closed", "POLLHUP included"),
    Mutant("it ends with the server, whatever is left to send", "client.c",
           "while (!down.ended || !is_empty(&down) || !half_closed)", "while (!down.ended)",
           "test_a_server_that_ends_its_side_first_still_gets_all_of_a_file", "may still read"),
    Mutant("when the server has ended, stdin is not looked at any more", "client.c",
           "        if (ready == 0)\n", "        if (ready == 0 || last_call)\n",
           "test_a_server_that_ends_its_side_first_still_gets_all_of_a_file", "may still read"),
    Mutant("what does not fit just now is an error", "client.c",
           "        if (move(&up, ends[0].revents != 0, ends[1].revents != 0) < 0) {",
           "        int moved = 0;\n\n        errno = 0;\n        while (ends[0].revents != 0 && !up.ended && moved == 0)\n"
           "            moved = move(&up, is_empty(&up), true) < 0 || errno == EAGAIN ? report(\"send\") : 0;\n"
           "        if (moved < 0 || move(&up, false, ends[1].revents != 0) < 0) {",
           "test_a_server_that_ends_its_side_first_still_gets_all_of_a_file", "there is no room just now"),
    Mutant("when sending fails it goes on trying", "client.c", "            up.ended = true;\n", "",
           "test_an_answer_is_not_lost_when_the_server_stops_reading", "One error is one line"),
    Mutant("when sending fails it ends at once", "client.c",
           "            result = -1; /* nothing", "            return -1; /* nothing",
           "test_an_answer_is_not_lost_when_the_server_stops_reading", "ends one direction only"),
    Mutant("a reset is taken for the end", "client.c",
           READ_FAILS, READ_FAILS.replace(")", " && errno != ECONNRESET)"),
           "test_a_reset_is_an_error", "is not the 0 of an orderly end"),
    Mutant("a stdin that cannot be read is no error", "client.c",
           READ_FAILS, READ_FAILS.replace(")", " && errno != EBADF)"),
           "test_a_stdin_that_cannot_be_read_is_an_error", "tries again"),
    Mutant("a full disk is no error", "client.c", WRITE_FAILS,
           WRITE_FAILS.replace("put < 0", "put < 0 && errno != ENOSPC"),
           "test_a_stdout_that_is_closed_early_is_an_error", "is not looked at"),
    Mutant("a full disk is not reported", "client.c", 'return report("%s", flow->to_name);', "return -1;",
           "test_a_stdout_that_is_closed_early_is_an_error", "to be reported as all are"),
    Mutant("a full disk is reported twice", "client.c", 'return report("%s", flow->to_name);',
           'return report("%s", flow->to_name), report("no more of it");',
           "test_a_stdout_that_is_closed_early_is_an_error", "One error is one line"),
    Mutant("a full disk is reported by perror()", "client.c", 'return report("%s", flow->to_name);',
           "return perror(flow->to_name), -1;",
           "test_a_stdout_that_is_closed_early_is_an_error", "perror()"),
    Mutant("a stdin that cannot be read is reported twice", "client.c", 'return report("%s", flow->from_name);',
           'return report("%s", flow->from_name), report("no more of it");',
           "test_a_stdin_that_cannot_be_read_is_an_error", "One error is one line"),
    Mutant("a stdin that cannot be read is reported by perror()", "client.c", 'return report("%s", flow->from_name);',
           "return perror(flow->from_name), -1;",
           "test_a_stdin_that_cannot_be_read_is_an_error", "perror()"),
    Mutant("perror() reports a reset", "client.c", 'return report("%s", flow->from_name);',
           'return perror(flow->from_name), -1;',
           "test_a_reset_is_an_error", "perror()"),
    Mutant("the exit status is always 0", "client.c", "return result < 0 ? 1 : 0;", "return 0;",
           "test_a_reset_is_an_error", "is not the 0 of an orderly end"),
    Mutant("it goes on without a connection", "client.c", "    if (server < 0)\n        return 1;\n", "",
           "test_refused", "goes on without a connection"),
    Mutant("no address in the message", "connect.c", 'report("connect %s", address_text(address, text));',
           'address_text(address, text);\n        report("connect");',
           "test_refused", "with the address"),
    Mutant("SIGPIPE is fatal", "client.c", IGNORE_SIGPIPE, IGNORE_SIGPIPE.replace("SIG_IGN", "SIG_DFL"),
           "test_a_stdout_that_is_closed_early_is_an_error", "SIGPIPE"),
    Mutant("what stdout says is not looked at", "client.c", WRITE_FAILS,
           WRITE_FAILS.replace("put < 0", "put < 0 && flow->to != STDOUT_FILENO"),
           "test_a_stdout_that_is_closed_early_is_an_error", "is not looked at"),
    Mutant("it asks for stdin again after its end", "client.c",
           "is_empty(flow) && !flow->ended ?", "is_empty(flow) ?",
           "test_waits_without_spinning", "the end of stdin once it has been seen"),
    Mutant("it asks for room with nothing to send", "client.c", "is_empty(flow) ? -1 : flow->to", "flow->to",
           "test_waits_without_spinning", "room to send when there"),
    Mutant("it asks for more of stdin than it can take", "client.c", ASKS,
           ASKS.replace("is_empty(flow) && ", "").replace("(readable)", "(readable && is_empty(flow))"),
           "test_a_server_that_does_not_read_delays_only_what_it_is_sent", "no room for what that brings"),
    Mutant("it tries again and again to print", "client.c", "        int ready = poll(ends, 4, last_call ? 0 : -1);\n",
           "        int ready = poll(ends, 4, last_call || !is_empty(&down) ? 0 : -1);\n"
           "        if (ready == 0 && !last_call)\n            continue;\n",
           "test_a_stdout_that_nobody_reads_delays_only_what_is_printed", "again and again to print"),
    Mutant("it keeps all that the server says", "client.c", ASKS,
           HOARDS.replace("== STDIN_FILENO", "!= STDIN_FILENO"),
           "test_a_stdout_that_nobody_reads_delays_only_what_is_printed", "all that the server says, in a buffer"),
    Mutant("more than PIPE_BUF to a pipe", "client.c", SIZE,
           "        size_t size = flow->end - flow->start;\n",
           "test_a_stdout_that_nobody_reads_delays_only_what_is_printed", "PIPE_BUF"),
    Mutant("the socket waits until it has taken a large piece", "client.c", "    char buffer[16384];\n};\n",
           "    char buffer[65536];\n};\n#undef PIPE_BUF\n#define PIPE_BUF 65536\n"
           "#undef O_NONBLOCK\n#define O_NONBLOCK 0\n",
           "test_a_server_that_does_not_read_delays_only_what_it_is_sent", "O_NONBLOCK"),
    Mutant("EINTR in connect() is fatal", "connect.c", "        if (errno != EINTR)\n    ", "    ",
           "test_a_signal_during_connect_ends_nothing", "EINTR"),
    Mutant("EALREADY in connect() is fatal", "connect.c",
           "        if (errno == EALREADY && poll(&connected, 1, -1) >= 0)\n            continue;\n", "",
           "test_a_signal_during_connect_ends_nothing", "EALREADY meanwhile"),
    Mutant("EISCONN in connect() is fatal", "connect.c",
           "        if (errno == EISCONN)\n            return 0;\n", "",
           "test_a_signal_during_connect_ends_nothing", "may say EISCONN"),
    Mutant("a short count is taken for all, too", "client.c", "flow->start += put > 0 ? (size_t)put : 0;",
           "flow->start = flow->end;",
           "test_random_faults", "did a part"),
    Mutant("EINTR in poll() is fatal", "client.c",
           "        if (ready < 0 && errno == EINTR)\n            continue;\n", "",
           "test_random_faults", "poll() included"),
    Mutant("after EINTR in poll() it goes round and round", "client.c",
           "        if (ready < 0 && errno == EINTR)\n            continue;\n",
           "        while (ready < 0 && errno == EINTR)\n            continue;\n",
           "test_random_faults", "Ctrl-Z and fg"),
    Mutant("EINTR in recv() is fatal", "client.c", READ_FAILS, READ_FAILS.replace(" && errno != EINTR", ""),
           "test_random_faults", "EINTR"),
    Mutant("EINTR in send() is fatal", "client.c", WRITE_FAILS, WRITE_FAILS.replace(" && errno != EINTR", ""),
           "test_random_faults", "EINTR"),
    Mutant("80x is taken for 80", "address.c",
           'return -1; /* strtol() would let " 80", "+80" and "80x" pass */', "break;",
           "test_wrong_arguments", "atoi()"),
    Mutant("the number of arguments is not looked at", "client.c",
           "    if (argc < 3)\n", "    if (argc < 1)\n",
           "test_wrong_arguments", "argc"),
    Mutant("PORT comes before ADDRESS", "client.c",
           '    int port = parse_number(argv[2], MAX_PORT);\n',
           '    argv = (char *[]){argv[0], argv[2], argv[1], NULL};\n    int port = parse_number(argv[2], MAX_PORT);\n',
           "test_prints_what_the_server_says", "ADDRESS comes first"),
    Mutant("O_NONBLOCK before connect()", "connect.c", "    if (descriptor < 0)\n        return report(\"socket\");\n",
           "    if (descriptor < 0)\n        return report(\"socket\");\n"
           "    extern int fcntl(int, int, ...);\n    fcntl(descriptor, 4 /* F_SETFL */, 04000 /* O_NONBLOCK of Linux */);\n",
           "test_prints_what_the_server_says", "connect() did not wait"),
    Mutant("it says that it is connected", "client.c", "    int result = converse(server);\n",
           '    puts("connected");\n    fflush(stdout);\n    int result = converse(server);\n',
           "test_says_nothing_of_its_own", "stdout is for what the server says"),
    Mutant("it says on stderr that the server has left", "client.c", "    close(server);\n",
           '    fputs("connection closed\\n", stderr);\n    close(server);\n',
           "test_says_nothing_of_its_own", "stderr is for errors alone"),
    Mutant("Ctrl-D is looked for among the bytes", "client.c", "        flow->ended = got == 0;\n",
           "        if (got == 1 && flow->buffer[0] == 4)\n            got = 0;\n        flow->ended = got == 0;\n",
           "test_speaks_and_listens_at_the_same_time", "of Ctrl-D the terminal"),
    Mutant("it sends lines as telnet does", "client.c", "        flow->end = got > 0 ? (size_t)got : 0;\n",
           "        flow->end = got > 0 ? (size_t)got : 0;\n"
           "        if (flow->from == STDIN_FILENO && got > 0 && got < 999 && flow->buffer[got - 1] == '\\n') {\n"
           "            flow->buffer[got - 1] = '\\r';\n            flow->buffer[flow->end++] = '\\n';\n        }\n",
           "test_speaks_and_listens_at_the_same_time", "telnet"),
    Mutant("it prints a prompt", "client.c", "        ssize_t got = read(",
           '        if (flow->from == STDIN_FILENO && write(STDOUT_FILENO, "> ", 2) < 0)\n            return -1;\n'
           "        ssize_t got = read(",
           "test_speaks_and_listens_at_the_same_time", "a prompt, between"),
    Mutant("it waits for the server's words first", "client.c", "        ask_for(&up, &ends[0], &ends[1]);\n",
           "        ask_for(&up, &ends[0], &ends[1]);\n        static bool heard;\n"
           "        if (!(heard = heard || down.end > 0))\n            ends[0].fd = -1;\n",
           "test_speaks_and_listens_at_the_same_time", "waits for the server"),
    Mutant("it waits for an answer to each piece", "client.c", "        ask_for(&up, &ends[0], &ends[1]);\n",
           "        ask_for(&up, &ends[0], &ends[1]);\n        static size_t asked;\n"
           "        if (up.end > 0 && is_empty(&up) && asked == down.end)\n            ends[0].fd = -1;\n",
           "test_speaks_and_listens_at_the_same_time", "waits for an answer"),
    Mutant("the server's end is an error", "client.c", "        if (ready == 0)\n            break;\n",
           "        if (ready == 0)\n            return report(\"the server has left\");\n",
           "test_ends_when_a_server_that_speaks_first_closes", "is no error"),
    Mutant("a child reads stdin, and stays", "client.c", "    int result = converse(server);\n",
           "    if (fork() == 0)\n        pause();\n    int result = converse(server);\n",
           "test_ends_when_a_server_that_speaks_first_closes", "A second process"),
    Mutant("0xff is taken for EOF", "client.c", "        flow->ended = got == 0;\n",
           "        for (ssize_t i = 0; i < got; i++)\n            if (flow->buffer[i] == (char)EOF)\n                got = i;\n"
           "        flow->ended = got == 0;\n",
           "test_every_byte_value_passes_unchanged", "0xff"),
    Mutant("it looks every millisecond", "client.c", "last_call ? 0 : -1);\n", "last_call ? 0 : 1);\n"
           "        if (ready == 0 && !last_call)\n            continue;\n",
           "test_waits_without_spinning", "sleeps in between"),
    Mutant("a server that is silent for 30 s is given up", "client.c", "last_call ? 0 : -1);\n", "last_call ? 0 : 5000);\n",
           "test_is_patient_with_a_silent_server", "gives up a server"),
    Mutant("it keeps all of stdin", "client.c", ASKS,
           HOARDS,
           "test_a_server_that_does_not_read_delays_only_what_it_is_sent", "in a buffer that grows"),
    Mutant("it gives up for lack of room when the server has ended", "client.c",
           "last_call = down.ended && is_empty(&down) && is_empty(&up);", "last_call = down.ended && is_empty(&down);",
           "test_a_server_that_ends_its_side_first_still_gets_all_of_a_file", "may still read"),
    Mutant("after a failed send the exit status is 0", "client.c", "            result = -1; /* nothing", "            result = 0; /* nothing",
           "test_an_answer_is_not_lost_when_the_server_stops_reading", "the exit status is 1"),
    Mutant("a failed send is not reported", "client.c", "return report(\"%s\", flow->to_name);", "return -1;",
           "test_an_answer_is_not_lost_when_the_server_stops_reading", "is an error, to be reported"),
    Mutant("a failed send is reported by perror()", "client.c", "return report(\"%s\", flow->to_name);",
           "return perror(flow->to_name), -1;",
           "test_an_answer_is_not_lost_when_the_server_stops_reading", "perror()"),
    Mutant("after a reset it exits with 255", "client.c", "return result < 0 ? 1 : 0;", "return result;",
           "test_a_reset_is_an_error", "return 1 from main()"),
    Mutant("a reset is not reported", "client.c", 'return report("%s", flow->from_name);', "return -1;",
           "test_a_reset_is_an_error", "to be reported"),
    Mutant("a reset is reported twice", "client.c", 'return report("%s", flow->from_name);',
           'return report("%s", flow->from_name), report("no more of it");',
           "test_a_reset_is_an_error", "One error is one line"),
    Mutant("it ends when stdin cannot be read", "client.c",
           "            result = -1; /* nothing", "            return -1; /* nothing",
           "test_a_stdin_that_cannot_be_read_is_an_error", "go on, as after stdin's end"),
    Mutant("a stdin that cannot be read is asked again", "client.c", "            up.ended = true;\n            up.start = up.end;\n", "",
           "test_a_stdin_that_cannot_be_read_is_an_error", "tries again"),
    Mutant("a stdin that cannot be read is one that has ended", "client.c", READ_FAILS,
           "if (got < 0 && errno == EBADF)\n            got = 0;\n        " + READ_FAILS,
           "test_a_stdin_that_cannot_be_read_is_an_error", "is taken for stdin's end"),
    Mutant("a refused connect() is tried again and again", "connect.c", "        if (errno != EINTR)\n",
           "        if (errno != EINTR && errno != ECONNREFUSED)\n",
           "test_refused", "is the end"),
    Mutant("port 0 is wrong usage", "client.c", "    if (port < 0)\n", "    if (port <= 0)\n",
           "test_refused", "0 and 65535 are ports"),
    Mutant("a failed connect() exits 2", "client.c", "    if (server < 0)\n        return 1;\n", "    if (server < 0)\n        return 2;\n",
           "test_refused", "is exit status 1"),
    Mutant("a failed connect() is told on stdout", "connect.c", 'report("connect %s", address_text(address, text));',
           'extern int puts(const char *);\n        puts(address_text(address, text)), report("connect %s", text);',
           "test_refused", "stdout is for what the server says"),
    Mutant("a failed connect() is not told", "connect.c", 'report("connect %s", address_text(address, text));',
           "address_text(address, text);",
           "test_refused", "has to be said"),
    Mutant("closed descriptors are not looked for", "client.c", "        if (fcntl(standard, F_GETFD) < 0) {",
           "        if (standard < 0) {",
           "test_needs_stdin_stdout_and_stderr", "F_GETFD"),
    Mutant("O_NONBLOCK on stdin, too", "client.c", "    int result = converse(server);\n",
           "    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);\n    int result = converse(server);\n",
           "test_leaves_stdin_and_stdout_as_they_were", "O_NONBLOCK"),
    Mutant("usage goes to stdout", "client.c", '    fprintf(stderr, "usage:', '    fprintf(stdout, "usage:',
           "test_wrong_arguments", "belongs on stderr"),
    Mutant("usage goes to stdout, too", "client.c", '    fprintf(stderr, "usage:', '    puts("usage: see there");\n'
           '    fprintf(stderr, "usage:',
           "test_wrong_arguments", "Nothing goes to stdout"),
    Mutant("the bad argument is not named", "client.c", 'fprintf(stderr, "%s: %s: %s\\n", program, input, problem);',
           '(void)input, fprintf(stderr, "%s: %s\\n", program, problem);',
           "test_wrong_arguments", "repeat the argument"),
    Mutant("wrong usage exits 1", "client.c", "    return 2;\n", "    return 1;\n",
           "test_wrong_arguments", "exit status 2"),
    Mutant("a third argument is not looked at", "client.c", "    if (argc > 3)\n", "    if (argc > 4)\n",
           "test_wrong_arguments", "argc"),
    Mutant("localhost is taken for an address", "address.c", "    if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1) {",
           "    if (inet_pton(AF_INET, strcmp(text, \"localhost\") ? text : \"127.0.0.1\", &ipv4->sin_addr) == 1) {",
           "test_wrong_arguments", "A name is no address"),
    Mutant("the port wraps around", "address.c",
           "        number = 10 * number + (*text - '0');\n        if (number > max)\n            return -1;\n    }\n    return number;\n",
           "        number = (int)(10u * (unsigned)number + (unsigned)(*text - '0'));\n    }\n"
           "    return number < 0 || number > max ? -1 : number;\n",
           "test_wrong_arguments", "wraps around"),
    Mutant("what inet_pton() says is not looked at", "client.c", "    if (length == 0)\n", "    if (argc < 0)\n",
           "test_wrong_arguments", "inet_pton() returned"),
]
