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
           "test_a_line_comes_back_before_stdin_ends", "reads all of stdin"),
    Mutant("stdin is read with fgets()", "client.c", READ,
           "        ssize_t got;\n\n        if (flow->from != STDIN_FILENO)\n"
           "            got = read(flow->from, flow->buffer, sizeof flow->buffer);\n"
           "        else if (fgets(flow->buffer, sizeof flow->buffer, stdin) != NULL)\n"
           "            for (got = 0; flow->buffer[got] != '\\0'; got++)\n                ;\n"
           "        else\n            got = 0;\n",
           "test_a_line_comes_back_before_stdin_ends", "fgets"),
    Mutant("what comes goes out line by line", "client.c", WRITE,
           "        setvbuf(stdout, NULL, _IOLBF, BUFSIZ);\n"
           "        ssize_t put = flow->to == STDOUT_FILENO\n"
           "                          ? (ssize_t)fwrite(flow->buffer + flow->start, 1, size, stdout)\n"
           "                          : write(flow->to, flow->buffer + flow->start, size);\n",
           "test_a_line_comes_back_before_stdin_ends", "one without its end"),
    Mutant("no half-close", "client.c", HALF_CLOSE, "",
           "test_end_of_stdin_half_closes_and_the_answer_still_comes", "this line did not come on stdout"),
    Mutant("both directions are shut down at the end of stdin", "client.c", "SHUT_WR)", "SHUT_RDWR)",
           "test_end_of_stdin_half_closes_and_the_answer_still_comes", "not close()"),
    Mutant("it ends with stdin", "client.c", "            half_closed = true;\n            continue;\n",
           "            break;\n",
           "test_end_of_stdin_half_closes_and_the_answer_still_comes", "goes on reading"),
    Mutant("it looks for POLLIN only, and the end of stdin is POLLHUP", "client.c",
           "ends[0].revents != 0", "(ends[0].revents & POLLIN) != 0",
           "test_end_of_stdin_half_closes_and_the_answer_still_comes", "POLLHUP"),
    Mutant("it waits for stdin when the server has ended", "client.c", "last_call ? 0 : -1", "-1",
           "test_ends_when_a_server_that_speaks_first_closes", "did not end"),
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
           "test_a_large_echo_comes_back_identical", "should have"),
    Mutant("POLLHUP is taken for the end", "client.c", POLL_FAILS,
           POLL_FAILS + "        if (ends[2].revents & POLLHUP)\n            break;\n",
           "test_all_of_a_large_answer_is_printed_after_the_server_has_closed", "should have"),
    Mutant("it ends with the server, whatever is left to send", "client.c",
           "while (!down.ended || !is_empty(&down) || !half_closed)", "while (!down.ended)",
           "test_a_server_that_ends_its_side_first_still_gets_all_of_a_file", "may still read"),
    Mutant("when the server has ended, stdin is not looked at any more", "client.c",
           "        if (ready == 0)\n", "        if (ready == 0 || last_call)\n",
           "test_a_server_that_ends_its_side_first_still_gets_all_of_a_file", "may still read"),
    Mutant("when sending fails it goes on trying", "client.c", "            up.ended = true;\n", "",
           "test_an_answer_is_not_lost_when_the_server_stops_reading", "should be one line"),
    Mutant("when sending fails it ends at once", "client.c",
           "            result = -1; /* nothing", "            return -1; /* nothing",
           "test_an_answer_is_not_lost_when_the_server_stops_reading", "413 too large"),
    Mutant("a reset is taken for the end", "client.c",
           READ_FAILS, READ_FAILS.replace(")", " && errno != ECONNRESET)"),
           "test_a_reset_is_an_error", "exit status 0, not exit status 1"),
    Mutant("a stdin that cannot be read is one that has ended", "client.c",
           READ_FAILS, READ_FAILS.replace(")", " && errno != EISDIR)"),
           "test_a_reset_is_an_error", "is taken for the end"),
    Mutant("a full disk is no error", "client.c", WRITE_FAILS,
           WRITE_FAILS.replace("put < 0", "put < 0 && errno != ENOSPC"),
           "test_a_stdout_that_is_closed_early_is_an_error", "is not looked at"),
    Mutant("perror() reports a reset", "client.c", 'return report("%s", flow->from_name);',
           'return perror(flow->from_name), -1;',
           "test_a_reset_is_an_error", "should be one line"),
    Mutant("the exit status is always 0", "client.c", "return result < 0 ? 1 : 0;", "return 0;",
           "test_a_reset_is_an_error", "exit status 0, not exit status 1"),
    Mutant("it goes on without a connection", "client.c", "    if (server < 0)\n        return 1;\n", "",
           "test_refused", "goes on without a connection"),
    Mutant("no address in the message", "connect.c", 'report("connect %s", address_text(address, text));',
           'address_text(address, text);\n        report("connect");',
           "test_refused", "connect 127.0.0.1 port"),
    Mutant("SIGPIPE is fatal", "client.c", IGNORE_SIGPIPE, IGNORE_SIGPIPE.replace("SIG_IGN", "SIG_DFL"),
           "test_a_stdout_that_is_closed_early_is_an_error", "SIGPIPE"),
    Mutant("what stdout says is not looked at", "client.c", WRITE_FAILS,
           WRITE_FAILS.replace("put < 0", "put < 0 && flow->to != STDOUT_FILENO"),
           "test_a_stdout_that_is_closed_early_is_an_error", "is not looked at"),
    Mutant("it asks for stdin again after its end", "client.c",
           "is_empty(flow) && !flow->ended ?", "is_empty(flow) ?",
           "test_waits_without_spinning", "spins"),
    Mutant("it asks for room with nothing to send", "client.c", "is_empty(flow) ? -1 : flow->to", "flow->to",
           "test_waits_without_spinning", "spins"),
    Mutant("it asks for more of stdin than it can take", "client.c", ASKS,
           ASKS.replace("is_empty(flow) && ", "").replace("(readable)", "(readable && is_empty(flow))"),
           "test_a_server_that_does_not_read_delays_only_what_it_is_sent", "spins"),
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
           "test_a_signal_during_connect_ends_nothing", "(EALREADY)"),
    Mutant("EISCONN in connect() is fatal", "connect.c",
           "        if (errno == EISCONN)\n            return 0;\n", "",
           "test_a_signal_during_connect_ends_nothing", "(EISCONN)"),
    Mutant("a short count is taken for all, too", "client.c", "flow->start += put > 0 ? (size_t)put : 0;",
           "flow->start = flow->end;",
           "test_random_faults", "did a part"),
    Mutant("EINTR in poll() is fatal", "client.c",
           "        if (ready < 0 && errno == EINTR)\n            continue;\n", "",
           "test_random_faults", "(EINTR)"),
    Mutant("EINTR in recv() is fatal", "client.c", READ_FAILS, READ_FAILS.replace(" && errno != EINTR", ""),
           "test_random_faults", "EINTR"),
    Mutant("EINTR in send() is fatal", "client.c", WRITE_FAILS, WRITE_FAILS.replace(" && errno != EINTR", ""),
           "test_random_faults", "EINTR"),
    Mutant("80x is taken for 80", "address.c",
           'return -1; /* strtol() would let " 80", "+80" and "80x" pass */', "break;",
           "test_wrong_arguments", "exit status"),
    Mutant("the number of arguments is not looked at", "client.c",
           "    if (argc < 3)\n", "    if (argc < 1)\n",
           "test_wrong_arguments", "SIGSEGV"),
]
