"""Wrong versions of 02-bind-listen."""

from mutants import Mutant

REUSE = """    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        report("setsockopt SO_REUSEADDR");
    else """
BIND = """if (bind(listener, address, length) < 0)
        report("bind %s", address_text(address, text));
    else """
LISTEN = """    else if (listen(listener, SOMAXCONN) < 0) /* the longest backlog the system allows */
        report("listen on %s", address_text(address, text));
"""
WAIT = "pause(); /* until a signal such as Ctrl-C ends us */"
MESSAGE = 'fprintf(stderr, "%s: %s: %s (%s)\\n", program, what, strerror(number), errno_name(number));'
PORT = "int port = parse_number(port_text, MAX_PORT);"

MUTANTS = [
    Mutant("listen() is missing", "listener.c", LISTEN, "", "test_says_where_it_listens", "refused"),
    Mutant("the line stays in stdout's buffer", "bind-listen.c", "    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);\n", "",
           "test_says_where_it_listens", "stdout's buffer"),
    Mutant("no ntohs() for the port", "address.c", "ntohs(ipv4->sin_port)", "ipv4->sin_port",
           "test_says_where_it_listens", "ntohs()"),
    Mutant("the port of before bind() is printed", "listener.c",
           "if (getsockname(listener, (struct sockaddr *)&local, &length) < 0)",
           "if (!memset(&local, 0, length) || !(local.ss_family = AF_INET))",
           "test_says_where_it_listens", "getsockname()"),
    Mutant("chatters on stdout", "bind-listen.c", "    for (;;)\n",
           '    printf("waiting for clients\\n");\n    for (;;)\n', "test_says_where_it_listens", "more than the one line"),
    Mutant("no htons() for the port", "address.c", "ipv4->sin_port = htons((uint16_t)port)",
           "ipv4->sin_port = (uint16_t)port", "test_listens_on_the_port_it_is_given", "htons()"),
    Mutant("always a free port", "bind-listen.c", "parse_address(text, port, &address)",
           "parse_address(text, 0, &address)", "test_listens_on_the_port_it_is_given", "expected: "),
    Mutant("says so before listen()", "listener.c", "    else if (listen(listener",
           "    else if (print_listening(listener) < 0 || listen(listener",
           "test_says_so_only_once_clients_can_connect", "before listen()"),
    Mutant("INADDR_ANY by default", "bind-listen.c", '"127.0.0.1"', '"0.0.0.0"',
           "test_listens_on_loopback_only", "it listens on 0.0.0.0"),
    Mutant("INADDR_ANY whatever is asked", "address.c", "        ipv4->sin_family = AF_INET;\n",
           "        ipv4->sin_family = AF_INET;\n        ipv4->sin_addr.s_addr = htonl(INADDR_ANY);\n",
           "test_listens_on_loopback_only", "INADDR_ANY"),
    Mutant("another default port", "bind-listen.c", '"7890"', '"7980"', "test_default_port", "port 7890"),
    Mutant("ADDRESS is not looked at", "bind-listen.c", 'argc > 2 ? argv[2] : "127.0.0.1"', '"127.0.0.1"',
           "test_every_address_when_asked", "expected: '0.0.0.0'"),
    Mutant("an IPv4 socket for every address", "listener.c", "socket(address->sa_family,", "socket(AF_INET,",
           "test_ipv6", "EAFNOSUPPORT"),
    Mutant("an IPv4 length for every address", "address.c", "return sizeof *ipv6", "return sizeof *ipv4",
           "test_ipv6", "EINVAL"),
    Mutant("an IPv6 address is printed as none", "address.c", "address->sa_family == AF_INET6", "0",
           "test_ipv6", "the text that is printed"),
    Mutant("no SO_REUSEADDR", "listener.c", REUSE, "    ",
           "test_starts_beside_an_old_connection", "EADDRINUSE"),
    Mutant("SO_REUSEADDR after bind()", "listener.c", REUSE + BIND,
           "    " + BIND + REUSE.lstrip(), "test_starts_beside_an_old_connection", "SO_REUSEADDR"),
    Mutant("SO_REUSEADDR switched off", "listener.c", "int on = 1", "int on = 0",
           "test_starts_beside_an_old_connection", "TIME_WAIT"),
    Mutant("a backlog of 5", "listener.c", "listen(listener, SOMAXCONN)", "listen(listener, 5)",
           "test_has_room_for_many_clients", "timed out"),
    Mutant("accepts a client", "bind-listen.c", WAIT, "accept(listener, NULL, NULL);",
           "test_connects_clients_though_nobody_accepts_them", "accept"),
    Mutant("hangs up on a client", "bind-listen.c", WAIT, "close(accept(listener, NULL, NULL));",
           "test_connects_clients_though_nobody_accepts_them", "closes something"),
    Mutant("an empty loop", "bind-listen.c", WAIT, ";", "test_waits_without_spinning", "it spins"),
    Mutant("a non-blocking accept() in a loop", "bind-listen.c", WAIT,
           "setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &(long[]){0, 1}, 16), accept(listener, NULL, NULL);",
           "test_waits_without_spinning", "it spins"),
    Mutant("waits for a key", "bind-listen.c", WAIT, "if (getchar() == EOF)\n            return 0;",
           "test_runs_until_a_signal_ends_it", "waits for input"),
    Mutant("sleeps a little and ends", "bind-listen.c", WAIT, "return 0;",
           "test_runs_until_a_signal_ends_it", "anything else than a signal"),
    Mutant("does not say where", "listener.c", 'report("bind %s", address_text(address, text))', 'report("bind")',
           "test_says_what_failed_and_where", "it does not say where"),
    Mutant("perror() in place of the symbol", "errors.c", MESSAGE, "perror(what);",
           "test_says_what_failed_and_where", "perror()"),
    Mutant("0 after a failure", "bind-listen.c", "< 0)\n        return 1;", "< 0)\n        return 0;",
           "test_says_what_failed_and_where", "exit status 0, not exit status 1"),
    Mutant("SO_REUSEADDR | SO_REUSEPORT", "listener.c", "SOL_SOCKET, SO_REUSEADDR, &on",
           "SOL_SOCKET, SO_REUSEADDR | 15 /* SO_REUSEPORT */, &on", "test_port_in_use", "SO_REUSEPORT"),
    Mutant("socket()'s result is not looked at", "listener.c", "    if (listener < 0)\n        return report(\"socket\");\n",
           "", "test_random_faults", "EBADF"),
    Mutant("bind()'s result is not looked at", "listener.c", BIND + "if (listen", "if (bind(listener, address, length), listen",
           "test_random_faults", "bind()"),
    Mutant("listen()'s result is not looked at", "listener.c", "listen(listener, SOMAXCONN) < 0)",
           "(listen(listener, SOMAXCONN), 0))", "test_random_faults", "refused"),
    Mutant("the message does not name the call", "listener.c", 'return report("getsockname")',
           'return report("cannot start")', "test_random_faults", "it does not name the call"),
    Mutant("sscanf() for the port", "bind-listen.c", PORT, 'int port = -1;\n    sscanf(port_text, "%d", &port);',
           "test_wrong_usage", "80x"),
    Mutant("a port may have 17 bits", "address.c", "        if (number > max)\n            return -1;\n", "",
           "test_wrong_usage", "3 s"),
    Mutant("no port is port 0", "address.c", "    if (*text == '\\0')\n        return -1;\n", "",
           "test_wrong_usage", "an empty string"),
    Mutant("inet_pton()'s result is not looked at", "bind-listen.c", "if (length == 0)", "if (0)",
           "test_wrong_usage", "inet_pton()"),
    Mutant("a third argument is passed over", "bind-listen.c", "if (argc > 3)", "if (argc > 9)",
           "test_wrong_usage", "argc"),
]
