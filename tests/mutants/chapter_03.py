"""Wrong versions of 03-accept."""

from mutants import Mutant

REUSE = """    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        report("setsockopt SO_REUSEADDR");
    else """
NO_CLIENT = """        if (client < 0)
            continue;
"""
PRINT = '        if (printf("connection %lu from %s\\n", ++visitors,'
CLOSE = "        close(client); /* forget this, and after a thousand clients accept() fails with EMFILE */"
GONE = """        if (getpeername(client, (struct sockaddr *)&peer, &(socklen_t){sizeof peer}) < 0) {
            report("getpeername");
            return 1;
        }
"""
TRY_AGAIN = """    case EINTR:        /* a signal woke us */
    case ECONNABORTED: /* the client gave up while it was in the queue */
    case EAGAIN:       /* there is no client after all */
        break;
"""

MUTANTS = [
    Mutant("length is 0 before accept()", "connection.c", "length = sizeof *peer", "length = 0",
           "test_says_who_connects", "length"),
    Mutant("no room for an address", "connection.c", "accept(listener, (struct sockaddr *)peer, &length)",
           "length ? accept(listener, NULL, NULL) : -1",
           "test_says_who_connects", "no room"),
    Mutant("the lines stay in stdout's buffer", "accept.c", "    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);\n",
           "",
           "test_says_who_connects", "stdout's buffer"),
    Mutant("only the first line leaves stdout's buffer", "accept.c", "    for (unsigned long visitors",
           "    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);\n    for (unsigned long visitors",
           "test_says_who_connects", "stdout's buffer"),
    Mutant("no ntohs() for the client's port", "accept.c", NO_CLIENT, NO_CLIENT
           + "        struct sockaddr_in *in = (struct sockaddr_in *)&peer;\n"
           "        in->sin_port = ntohs(in->sin_port);\n",
           "test_says_who_connects", "ntohs()"),
    Mutant("the server's address in place of the client's", "connection.c", "    if (client >= 0)\n",
           "    if (client >= 0 && getsockname(client, (struct sockaddr *)peer, &length) == 0)\n",
           "test_says_who_connects", "not the client's"),
    Mutant("accepts no one", "accept.c", "int client = accept_connection(listener, &peer)",
           "int client = pause()",
           "test_says_who_connects", "this line did not come on stdout"),
    Mutant("close() is missing", "accept.c", CLOSE, "",
           "test_hangs_up", "timed out"),
    Mutant("waits for the client to speak first", "accept.c", CLOSE,
           "        recv(client, &(char){0}, 1, 0);\n" + CLOSE,
           "test_hangs_up", "awaited from the client"),
    Mutant("says goodbye first", "accept.c", CLOSE, "        send(client, \"bye\\n\", 4, 0);\n" + CLOSE,
           "test_hangs_up", "'bye"),
    Mutant("closes the listener in place of the client", "accept.c", CLOSE, "        close(listener);",
           "test_counts_its_clients", "no loop"),
    Mutant("counts from 0", "accept.c", "++visitors,", "visitors++,",
           "test_counts_its_clients", "'connection 0 from'"),
    Mutant("the counter stands inside the loop", "accept.c", "++visitors,", "(visitors = 0) + 1UL,",
           "test_counts_its_clients", "inside the loop"),
    Mutant("one client and no more", "accept.c", "visitors = 0;;", "visitors = 0; visitors < 1;",
           "test_counts_its_clients", "no loop"),
    Mutant("prints every client twice", "accept.c", '        if (printf("connection',
           '        printf("connection %lu from a client\\n", visitors + 1);\n        if (printf("connection',
           "test_counts_its_clients", "from"),
    Mutant("a backlog of 1", "listener.c", "listen(listener, SOMAXCONN)", "listen(listener, 1)",
           "test_takes_clients_in_their_order", "timed out"),
    Mutant("a backlog of 10", "listener.c", "listen(listener, SOMAXCONN)", "listen(listener, 10)",
           "test_takes_clients_in_their_order", "backlog"),
    Mutant("room for an IPv4 address only", "connection.c", "length = sizeof *peer",
           "length = 16; /* sizeof(struct sockaddr_in) */\n    *peer = (struct sockaddr_storage){0}",
           "test_ipv6", "IPv4 address only"),
    Mutant("IPv6 clients have no address", "address.c", "address->sa_family == AF_INET6", "0",
           "test_ipv6", "port PORT"),
    Mutant("a failing getpeername() is fatal", "accept.c", NO_CLIENT, NO_CLIENT + GONE,
           "test_survives_clients_that_reset_at_once", "getpeername"),
    Mutant("EINTR is fatal", "connection.c", TRY_AGAIN,
           "    case ECONNABORTED:\n    case EAGAIN:\n        break;\n    case EINTR:\n",
           "test_random_faults", "EINTR"),
    Mutant("ECONNABORTED is fatal", "connection.c", TRY_AGAIN,
           "    case EINTR:\n    case EAGAIN:\n        break;\n    case ECONNABORTED:\n",
           "test_random_faults", "ECONNABORTED"),
    Mutant("EMFILE is fatal", "connection.c", "        nanosleep(&moment, NULL); /* or we would spin */",
           "        nanosleep(&moment, NULL);\n        exit(1);",
           "test_lack_of_descriptors_is_survived_without_spinning", "EMFILE"),
    Mutant("accept()'s result is not looked at", "accept.c", NO_CLIENT, "",
           "test_random_faults", "-1 is no client"),
    Mutant("a failed accept() is counted", "accept.c", NO_CLIENT + PRINT,
           "        ++visitors;\n" + NO_CLIENT + PRINT.replace("++", ""),
           "test_random_faults", "-1 is no client"),
    Mutant("shutdown() in place of close()", "accept.c", CLOSE, "        shutdown(client, SHUT_RDWR);",
           "test_leaks_no_descriptor", "no more descriptors"),
    Mutant("closes a copy of the descriptor", "accept.c", CLOSE,
           "        shutdown(client, SHUT_RDWR);\n        close(dup(client));",
           "test_leaks_no_descriptor", "gives the descriptor back"),
    Mutant("a non-blocking listener", "listener.c", "SOCK_STREAM, 0)", "SOCK_STREAM | SOCK_NONBLOCK, 0)",
           "test_waits_without_spinning", "it spins"),
    Mutant("no rest after EMFILE", "connection.c", "        nanosleep(&moment, NULL); /* or we would spin */",
           "        (void)moment;",
           "test_lack_of_descriptors_is_survived_without_spinning", "it spins"),
    Mutant("EMFILE is not reported", "connection.c", 'must we */\n        report("accept");', "must we */",
           "test_lack_of_descriptors_is_survived_without_spinning", "report it"),
    Mutant("another default port", "accept.c", '"7890"', '"7980"',
           "test_listens_on_loopback_only", "port 7890"),
    Mutant("goes on when bind() has failed", "listener.c", "    close(listener);\n    return -1;",
           "    return listener;",
           "test_port_in_use", "EINVAL"),
    Mutant("0 after a failed start", "accept.c", "< 0)\n        return 1;", "< 0)\n        return 0;",
           "test_port_in_use", "exit status 0"),
    Mutant("INADDR_ANY by default", "accept.c", '"127.0.0.1"', '"0.0.0.0"',
           "test_listens_on_loopback_only", "it listens on 0.0.0.0"),
    Mutant("no SO_REUSEADDR", "listener.c", REUSE, "    ",
           "test_starts_beside_an_old_connection", "EADDRINUSE"),
    Mutant("sscanf() for the port", "accept.c", "int port = parse_number(port_text, MAX_PORT);",
           'int port = -1;\n    sscanf(port_text, "%d", &port);',
           "test_wrong_usage", "80x"),
    Mutant("a third argument is passed over", "accept.c", "if (argc > 3)", "if (argc > 9)",
           "test_wrong_usage", "argc"),
]
