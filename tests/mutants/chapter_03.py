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
           "test_lines_come_at_once", "stdout's buffer"),
    Mutant("only the first line leaves stdout's buffer", "accept.c", "    for (unsigned long visitors",
           "    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);\n    for (unsigned long visitors",
           "test_lines_come_at_once", "no line about a client"),
    Mutant("no ntohs() for the client's port", "accept.c", NO_CLIENT, NO_CLIENT
           + "        struct sockaddr_in *in = (struct sockaddr_in *)&peer;\n"
           "        in->sin_port = ntohs(in->sin_port);\n",
           "test_says_who_connects", "ntohs()"),
    Mutant("the server's address in place of the client's", "connection.c", "    if (client >= 0)\n",
           "    if (client >= 0 && getsockname(client, (struct sockaddr *)peer, &length) == 0)\n",
           "test_says_who_connects", "not the client's"),
    Mutant("a line only when the client has spoken", "accept.c", NO_CLIENT, NO_CLIENT + "        recv(client, &(char){0}, 1, 0);\n",
           "test_says_who_connects", "while the client is silent"),
    Mutant("accepts no one", "accept.c", "int client = accept_connection(listener, &peer)",
           "int client = pause()",
           "test_takes_a_client", "does not come to accept()"),
    Mutant("close() is missing", "accept.c", CLOSE, "",
           "test_hangs_up", "is not closed"),
    Mutant("waits for the client to speak first", "accept.c", CLOSE,
           "        recv(client, &(char){0}, 1, 0);\n" + CLOSE,
           "test_hangs_up", "awaited from the client"),
    Mutant("says goodbye first", "accept.c", CLOSE, "        send(client, \"bye\\n\", 4, 0);\n" + CLOSE,
           "test_hangs_up", "sends something first"),
    Mutant("waits for a quarter of a second", "accept.c", CLOSE,
           "\n#include <poll.h>\n        poll(NULL, 0, 250);\n" + CLOSE,
           "test_hangs_up", "with a limit of time"),
    Mutant("SO_LINGER against TIME_WAIT", "accept.c", CLOSE,
           "        struct linger none = {1, 0};\n"
           "        setsockopt(client, SOL_SOCKET, SO_LINGER, &none, sizeof none);\n" + CLOSE,
           "test_hangs_up", "makes close() a reset"),
    Mutant("says so before listen()", "listener.c", "    else if (listen(listener",
           "    else if (print_listening(listener) < 0 || listen(listener",
           "test_says_where_it_listens", "before listen()"),
    Mutant("a capital letter in the listening line", "listener.c", '"listening on', '"Listening on',
           "test_says_where_it_listens", "as in chapter 2"),
    Mutant("a capital letter", "accept.c", '"connection %lu from %s\\n"', '"Connection %lu from %s\\n"',
           "test_says_who_connects", "to the letter"),
    Mutant("clients are told on stderr", "accept.c", 'if (printf("connection', 'if (fprintf(stderr, "connection',
           "test_says_who_connects", "is on stderr"),
    Mutant("127.0.0.1 for every client", "accept.c", "address_text((struct sockaddr *)&peer, peer_text)) < 0",
           'strcpy(strstr(address_text((struct sockaddr *)&peer, peer_text), "127"), "127.0.0.1 port 1")) < 0',
           "test_says_who_connects", "not the client's"),
    Mutant("counts in a byte", "accept.c", "unsigned long visitors = 0;;", "unsigned char visitors = 0;;",
           "test_goes_on_counting", "too small"),
    Mutant("no ntohs() for an IPv6 client's port", "address.c", "ntohs(ipv6->sin6_port)", "ipv6->sin6_port",
           "test_ipv6", "sin6_port"),
    Mutant("leaks the descriptors of those that were gone", "accept.c", NO_CLIENT, NO_CLIENT
           + "        if (getpeername(client, (struct sockaddr *)&peer, &(socklen_t){sizeof peer}) < 0)\n"
           "            continue;\n",
           "test_leaks_no_descriptor", "left out without a close()"),
    Mutant("closes the listener in place of the client", "accept.c", CLOSE, "        close(listener);",
           "test_counts_its_clients", "no loop"),
    Mutant("counts from 0", "accept.c", "++visitors,", "visitors++,",
           "test_counts_its_clients", "starts at 0"),
    Mutant("the counter stands inside the loop", "accept.c", "++visitors,", "(visitors = 0) + 1UL,",
           "test_counts_its_clients", "inside the loop"),
    Mutant("one client and no more", "accept.c", "visitors = 0;;", "visitors = 0; visitors < 1;",
           "test_counts_its_clients", "no loop"),
    Mutant("prints every client twice", "accept.c", '        if (printf("connection',
           '        printf("connection %lu from port 0\\n", visitors + 1);\n        if (printf("connection',
           "test_counts_its_clients", "two "),
    Mutant("a backlog of 1", "listener.c", "listen(listener, SOMAXCONN)", "listen(listener, 1)",
           "test_takes_clients_in_their_order", "too small"),
    Mutant("a backlog of 10", "listener.c", "listen(listener, SOMAXCONN)", "listen(listener, 10)",
           "test_takes_clients_in_their_order", "backlog"),
    Mutant("room for an IPv4 address only", "connection.c", "length = sizeof *peer",
           "length = 16; /* sizeof(struct sockaddr_in) */\n    *peer = (struct sockaddr_storage){0}",
           "test_ipv6", "IPv4 address only"),
    Mutant("IPv6 clients have no address", "address.c", "address->sa_family == AF_INET6", "0",
           "test_ipv6", "made into text"),
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
           "test_leaks_no_descriptor", "shutdown()"),
    Mutant("closes a copy of the descriptor", "accept.c", CLOSE,
           "        shutdown(client, SHUT_RDWR);\n        close(dup(client));",
           "test_leaks_no_descriptor", "gives the descriptor back"),
    Mutant("a non-blocking listener", "listener.c", "SOCK_STREAM, 0)", "SOCK_STREAM | SOCK_NONBLOCK, 0)",
           "test_waits_without_spinning", "again and again"),
    Mutant("no rest after EMFILE", "connection.c", "        nanosleep(&moment, NULL); /* or we would spin */",
           "        (void)moment;",
           "test_lack_of_descriptors_is_survived_without_spinning", "fails at once"),
    Mutant("EMFILE is not reported", "connection.c", 'must we */\n        report("accept");', "must we */",
           "test_lack_of_descriptors_is_survived_without_spinning", "report it"),
    Mutant("another default port", "accept.c", '"7890"', '"7980"',
           "test_listens_on_loopback_only", "the port to use"),
    Mutant("goes on when bind() has failed", "listener.c", "    close(listener);\n    return -1;",
           "    return listener;",
           "test_port_in_use", "goes on"),
    Mutant("0 after a failed start", "accept.c", "< 0)\n        return 1;", "< 0)\n        return 0;",
           "test_port_in_use", "main() returns 0"),
    Mutant("INADDR_ANY by default", "accept.c", '"127.0.0.1"', '"0.0.0.0"',
           "test_listens_on_loopback_only", "INADDR_ANY"),
    Mutant("no SO_REUSEADDR", "listener.c", REUSE, "    ",
           "test_starts_beside_an_old_connection", "SO_REUSEADDR"),
    Mutant("sscanf() for the port", "accept.c", "int port = parse_number(port_text, MAX_PORT);",
           'int port = -1;\n    sscanf(port_text, "%d", &port);',
           "test_wrong_usage", "80x"),
    Mutant("a third argument is passed over", "accept.c", "if (argc > 3)", "if (argc > 9)",
           "test_wrong_usage", "argc"),
]
