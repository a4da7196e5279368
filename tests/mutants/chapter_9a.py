"""Wrong versions of 9a-socket-activation."""

from mutants import Mutant

MAIN, TAKES, INETD = "socket-activation.c", "activation.c", "inetd.c"
CLEANED = "descriptor > STDERR_FILENO + meant_for_us &&"
FOR_US = "pid != NULL && parse_number(pid, MAX_PID) == getpid()"
QUEUE = "    if (!server->given) /* else the next one serves them, whom the same listener is given to */\n"
OPENS = "    if (!server->given)\n        server->listener =\n"
TAKEN = """    if ((!is_inetd && (server.given = take_listener()) < 0) ||
        clean_descriptors(server.given) < 0 || (is_inetd && (client = take_connection(&peer)) < 0))
        return 1;
"""
READY = "        notify_ready();\n"
SENDS = "        sendto(notifier, message, strlen(message), 0, (struct sockaddr *)&address,\n"
SERVES = "    serve_client(client, peer, &root);\n    return 0;\n"
SILENT = "    return silence() < 0 ? -1 : client;\n"
LOGS = "    log_to_syslog(); /* stderr is the client's, too */\n"
KEEPS = "    if (server->given)\n        log_message(LOG_WARNING, \"address and port are not used: the listener was given\");\n    else if ("

MUTANTS = [
    Mutant("descriptor 3 is closed first, as all else", "detach.c", CLEANED, "descriptor > STDERR_FILENO + 0 * meant_for_us &&",
           "test_serves_the_clients_of_descriptor_3", "closes all from 3 on first"),
    Mutant("LISTEN_FDS is not looked at", TAKES, FOR_US, "0 && " + FOR_US, "test_serves_the_clients_of_descriptor_3", "the listener is descriptor 3"),
    Mutant("SO_ACCEPTCONN the wrong way round", TAKES, "if (!listens ||", "if (listens ||", "test_serves_the_clients_of_descriptor_3", "is 1, in an int"),
    Mutant("a second listener beside it", MAIN, OPENS, "    if (server->given)\n        open_listener((const struct sockaddr *)&config->address, config->address_length);\n" + OPENS,
           "test_opens_no_other_port", "stays closed"),
    Mutant("it listens once more", TAKES, "    return 0;\n}\n\nint take", "    listen(descriptor, 5);\n    return 0;\n}\n\nint take",
           "test_opens_no_other_port", "length for the queue"),
    Mutant("ready in the foreground only", MAIN, READY, "        if (foreground)\n            notify_ready();\n", "test_says_ready", "In the background, too"),
    Mutant("the line tells the port of the configuration", MAIN, "    return print_listening(server->listener);\n",
           "    printf(\"listening on 127.0.0.1 port %d\\n\", ntohs(((const struct sockaddr_in *)&config->address)->sin_port));\n    return 0;\n",
           "test_opens_no_other_port", "getsockname() tells"),
    Mutant("not close-on-exec", TAKES, " || fcntl(descriptor, F_SETFD, FD_CLOEXEC) < 0", "", "test_opens_no_other_port", "FD_CLOEXEC"),
    Mutant("LISTEN_PID is not looked at", TAKES, FOR_US, "count != NULL", "test_a_listen_pid_of_somebody_else", "compare LISTEN_PID"),
    Mutant("atoi() of LISTEN_PID", TAKES, FOR_US, "pid != NULL && (int)strtol(pid, NULL, 10) == getpid()", "test_a_listen_pid_of_somebody_else", "compare all of the text"),
    Mutant("3 stays open in any case", "detach.c", CLEANED, "descriptor > STDERR_FILENO + 1 + 0 * meant_for_us &&",
           "test_a_listen_pid_of_somebody_else", "is closed, as all else"),
    Mutant("LISTEN_PID is compared after fork()", MAIN, TAKEN, "    if (clean_descriptors(1) < 0 || (is_inetd && (client = take_connection(&peer)) < 0))\n        return 1;\n"
           "    if (!foreground && (ready = detach()) < 0)\n        return 1;\n    if (!is_inetd && (server.given = take_listener()) < 0)\n        return 1;\n"
           "    ready = foreground ? -1 : ready, foreground = true;\n", "test_goes_to_the_background_with_it", "compared before the first fork()"),
    Mutant("any number of LISTEN_FDS", TAKES, "strcmp(count, \"1\") == 0", "count[0] != '\\0'", "test_refuses_what_is_no_listener", "LISTEN_FDS is to be 1"),
    Mutant("atoi() of LISTEN_FDS", TAKES, "strcmp(count, \"1\") == 0", "strtol(count, NULL, 10) == 1", "test_refuses_what_is_no_listener", "LISTEN_FDS is to be 1"),
    Mutant("whatever 3 is", TAKES, "    if (!listens || (address.ss_family", "    if (0 && (address.ss_family", "test_refuses_what_is_no_listener", "SO_ACCEPTCONN"),
    Mutant("what listens, of any family", TAKES, "    if (!listens || (address.ss_family != AF_INET && address.ss_family != AF_INET6)) {",
           "    if (!listens) {", "test_refuses_what_is_no_listener", "tells the family"),
    Mutant("it is refused with exit status 0", MAIN, "        clean_descriptors(server.given) < 0 || (is_inetd && (client = take_connection(&peer)) < 0))\n        return 1;\n",
           "        clean_descriptors(server.given) < 0 || (is_inetd && (client = take_connection(&peer)) < 0))\n        return 0;\n",
           "test_refuses_what_is_no_listener", "exit 1"),
    Mutant("SIGTERM serves the queue", MAIN, QUEUE, "", "test_a_restart_loses_nobody", "take nobody any more"),
    Mutant("shutdown() of the listener", MAIN, "    close(server->listener);\n    wait_for", "    shutdown(server->listener, SHUT_RDWR);\n    close(server->listener);\n    wait_for",
           "test_a_restart_loses_nobody", "shutdown() ends the listener"),
    Mutant("the exit status after SIGTERM is 1", MAIN, "    return result < 0 ? 1 : 0;", "    return 1;", "test_a_restart_loses_nobody", "exit 0"),
    Mutant("SIGHUP moves away from it", MAIN, KEEPS, "    if (", "test_sighup_keeps_it", "stays, whatever the file says"),
    Mutant("SIGHUP says nothing of the port", MAIN, "        log_message(LOG_WARNING, \"address and port are not used: the listener was given\");\n", "        ;\n",
           "test_sighup_keeps_it", "brings the warning"),
    Mutant("the warning comes once", MAIN, "    if (server->given)\n        log_message(LOG_WARNING", "    static int warned;\n    if (server->given && warned++ > 0)\n        ;\n    else if (server->given)\n        log_message(LOG_WARNING", "test_sighup_keeps_it", "whatever has changed"),
    Mutant("accept() waits", TAKES, "fcntl(descriptor, F_SETFL, O_NONBLOCK) < 0 || ", "", "test_several_take_turns", "deaf to SIGTERM"),
    Mutant("a client that has gone to another ends it", MAIN, "        if (client_waits)\n            serve_next(&server->children, server->listener, &server->root);\n",
           "        if (client_waits && !serve_next(&server->children, server->listener, &server->root))\n            exit(1);\n",
           "test_several_take_turns", "no reason to end"),
    Mutant("max-children is not used", MAIN, "    server->children.max = config->max_children;\n    if", "    server->children.max = 256;\n    if",
           "test_serves_as_chapter_9_does", "lost on the way"),
    Mutant("it stays in the foreground", MAIN, "    bool foreground = false,", "    bool foreground = true,", "test_serves_as_chapter_9_does", "goes to the background"),
    Mutant("nothing is said", MAIN, READY, "", "test_says_ready", "to the address that NOTIFY_SOCKET names"),
    Mutant("a NUL behind READY=1", TAKES, "message, strlen(message), 0", "message, strlen(message) + 1, 0", "test_says_ready", "are 7 bytes"),
    Mutant("ready before it is", MAIN, "    int result = start(&server);\n", "    notify_ready();\n    int result = start(&server);\n", "test_says_ready", "nothing can fail any more"),
    Mutant("@ is taken for a letter", TAKES, "            address.sun_path[0] = '\\0';", "            address.sun_path[0] = '@';", "test_says_ready", "abstract one"),
    Mutant("the whole of sun_path is the name", TAKES, "(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)", "sizeof address", "test_says_ready", "without a NUL behind it"),
    Mutant("a stream", TAKES, "socket(AF_UNIX, SOCK_DGRAM, 0)", "socket(AF_UNIX, SOCK_STREAM, 0)", "test_says_ready", "SOCK_DGRAM"),
    Mutant("a message of its own", TAKES, '"READY=1"', '"READY"', "test_says_ready", "with READY=1"),
    Mutant("-i serves nobody", INETD, SERVES, "    return 0;\n", "test_serves_one_connection", "Descriptor 0 is the connection"),
    Mutant("-i stays who it is", INETD, "(config->user[0] != '\\0' && become_user", "(0 && become_user", "test_becomes_the_user", "counts `user`"),
    Mutant("-i opens the port as well", MAIN, "    if (is_inetd)\n        return serve", "    if (is_inetd && start(&server) < 0)\n        return 1;\n    if (is_inetd)\n        return serve",
           "test_serves_one_connection", "many of them run at once"),
    Mutant("-i exits 1", INETD, SERVES, "    serve_client(client, peer, &root);\n    return -1;\n", "test_serves_one_connection", "all is well: exit 0"),
    Mutant("O_NONBLOCK stays", INETD, "client < 0 || fcntl(client, F_SETFL, 0) < 0)", "client < 0)", "test_serves_one_connection", "takes it back"),
    Mutant("-i heeds LISTEN_FDS", MAIN, "    if ((!is_inetd && (server.given", "    if (((server.given", "test_serves_one_connection", "it counts for nothing"),
    Mutant("-i prints its log", INETD, LOGS + SILENT, "    return client;\n", "test_its_log", "have the three lead to /dev/null"),
    Mutant("-i keeps its log for itself", INETD, LOGS + SILENT, SILENT, "test_its_log", "openlog() before"),
    Mutant("-i takes whatever 0 is", INETD, "        return report(\"descriptor 0\");\n    if (type", "        type = SOCK_STREAM;\n    if (type",
           "test_refuses_what_is_no_connection", "getpeername()"),
    Mutant("-i takes a socket of UDP", INETD, "type != SOCK_STREAM", "type == 0", "test_refuses_what_is_no_connection", "SOCK_STREAM"),
    Mutant("-i waits for what is no client", INETD, "    if (getsockopt(STDIN_FILENO,", "    while (read(STDIN_FILENO, &(char){0}, 0) == 0 && getpeername(STDIN_FILENO, (struct sockaddr *)peer, &length) < 0)\n"
           "        sleep(1);\n    if (getsockopt(STDIN_FILENO,", "test_refuses_what_is_no_connection", "look first"),
]
