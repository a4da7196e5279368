"""Wrong versions of 4d-unix-socket."""

from mutants import Mutant

FILE = "unix-socket.c"
ARGUMENTS = """    if (argc != 2)
        return usage(argc < 2 ? "no PATH" : argv[2], "one PATH is wanted");
"""
LENGTH = """    if (*argv[1] == '\\0' || strlen(argv[1]) >= sizeof own.sun_path)
        return usage(argv[1], "a PATH has 1 to 107 bytes");
"""
COPY = "    memcpy(own.sun_path, argv[1], strlen(argv[1])); /* zeros are behind it already */\n"
SOCKET = "    int listener = socket(AF_UNIX, SOCK_STREAM, 0);\n"
CLOSED = """    if (listener <= STDERR_FILENO) {
        errno = listener < 0 ? errno : EBADF; /* one of the three is closed: that is its number */
        report("socket");
        return 1;
    }
    if (listen_here(listener) < 0 || set_signals() < 0)
        return 1;
    if (printf("listening on %s\\n", own.sun_path) < 0) {
"""
MASK = "    umask(0177);\n"
BOUND = "    if (result < 0)\n        report(\"bind %s\", own.sun_path);\n"
CREDENTIALS = "    if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)\n"
SENT = "if (received > 0 && send_all(client, buffer, (size_t)received) < 0)"
STALE = "    return error == ECONNREFUSED;\n"

MUTANTS = [
    Mutant("another path", FILE, COPY, COPY.replace("strlen(argv[1]))", "strlen(argv[1]) - 1)"), "test_takes_a_client",
           "as it was given"),
    Mutant("SOCK_SEQPACKET", FILE, SOCKET, SOCKET.replace("STREAM", "SEQPACKET"), "test_takes_a_client",
           "as in chapter 3"),
    Mutant("the line comes late", FILE, "    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);\n", "",
           "test_says_where_it_listens", "setvbuf() or"),
    Mutant("the line comes before listen()", FILE, "    else if ((result = listen(", "    else if "
           "(printf(\"listening on %s\\n\", own.sun_path), (result = listen(", "test_says_where_it_listens",
           "when listen() has returned"),
    Mutant("the end is not seen", FILE, "received = size; received != 0;)", "received = size; received != -2;)",
           "test_every_byte",
           "returns 0 when the client"),
    Mutant("strlen() on what came", FILE, SENT, SENT.replace("(size_t)received", "strnlen(buffer, (size_t)received)"),
           "test_every_byte",
           "exactly as many"),
    Mutant("nothing is sent back", FILE, SENT, SENT.replace("received > 0", "received == size"), "test_every_byte",
           "until recv() returns 0"),
    Mutant("SIGPIPE", FILE, "sigaction(SIGPIPE, &ignore, NULL) < 0 || ", "", "test_one_after_another",
           "SIGPIPE ignored"),
    Mutant("the connection stays open", FILE, "        close(client);\n", "", "test_one_after_another",
           "After close()"),
    Mutant("no umask", FILE, MASK, "", "test_mode", "whoever started it"),
    Mutant("umask of 077", FILE, MASK, MASK.replace("0177", "077"), "test_mode", "whoever started it"),
    Mutant("chmod()", FILE, MASK + "    int result = bind(listener, address, sizeof own);\n",
           "    int result = bind(listener, address, sizeof own);\n    chmod(own.sun_path, 0600);\n", "test_mode",
           "is late"),
    Mutant("argc is not looked at", FILE, ARGUMENTS, "", "test_wrong_usage", "look at argc"),
    Mutant("one too many", FILE, ARGUMENTS, ARGUMENTS.replace("argc != 2", "argc < 2"), "test_wrong_usage",
           "not looked at"),
    Mutant("an empty path", FILE, LENGTH, LENGTH.replace("*argv[1] == '\\0' || ", ""), "test_wrong_usage", "without a "
           "name"),
    Mutant("strncpy()", FILE, LENGTH + COPY, "    strncpy(own.sun_path, argv[1], sizeof own.sun_path - 1);\n    if "
           "(*argv[1] == '\\0')\n"
           "        return usage(argv[1], \"empty\");\n", "test_wrong_usage", "strncpy() cuts"),
    Mutant("one less", FILE, LENGTH, LENGTH.replace(">= sizeof own.sun_path", ">= sizeof own.sun_path - 1"),
           "test_wrong_usage", "107 bytes"),
    Mutant("0 after a failed start", FILE, CLOSED, CLOSED.replace("set_signals() < 0)\n        return 1;",
                                                                  "set_signals() < 0)\n        return 0;"),
           "test_cannot_start", "main() returns 0"),
    Mutant("stdout is not looked at", FILE, CLOSED, CLOSED.replace("listener <= STDERR_FILENO",
                                                                   "listener < 0").replace("sun_path) < 0",
                                                                                           "sun_path) == 0"),
           "test_cannot_start", "look at what"),
    Mutant("no greeting", FILE, SENT, SENT.replace("received > 0", "received > 0 && received != size"), "test_greets",
           "The greeting is the first"),
    Mutant("its own credentials", FILE, CREDENTIALS, "    peer.pid = getpid(), peer.uid = getuid();\n    if (length "
           "== 0)\n", "test_greets",
           "These are not the client's"),
    Mutant("the group", FILE, "user %u!\\n\", peer.pid, peer.uid);", "user %u!\\n\", peer.pid, peer.gid);",
           "test_greets", "gid the group"),
    Mutant("without a comma", FILE, '"Hello, process %d of user %u!\\n"', '"Hello process %d of user %u!\\n"',
           "test_greets", "to the letter"),
    Mutant("no line", FILE, "    if (printf(\"connection %lu from process %d of user %u\\n\", visitor, peer.pid, "
           "peer.uid) < 0)\n        report(\"stdout\");\n",
           "    (void)visitor;\n", "test_prints_connections", "For each client one line"),
    Mutant("a line with the group", FILE, "visitor, peer.pid, peer.uid) < 0", 
           "visitor, peer.pid, peer.gid) < 0",
           "test_prints_connections", "gid the group"),
    Mutant("EADDRINUSE is the end", FILE, STALE, "    return error < 0;\n", "test_stale", "nobody listens: unlink()"),
    Mutant("EADDRINUSE is enough", FILE, STALE, "    return error > 0;\n", "test_leaves_alone", "EADDRINUSE alone"),
    Mutant("it waits for a place in the queue", FILE, "SOCK_STREAM | SOCK_NONBLOCK", "SOCK_STREAM", "test_leaves_alone",
           "sign of life"),
    Mutant("another type", FILE, STALE, "    return error == ECONNREFUSED || error == EPROTOTYPE;\n",
           "test_leaves_alone", "EPROTOTYPE"),
    Mutant("connect() alone is asked", FILE, "if (!S_ISSOCK(file.st_mode)) {", "if (file.st_mode == 0) {",
           "test_leaves_alone", "S_ISSOCK()"),
    Mutant("stat()", FILE, "    if (lstat(own.sun_path, &file) < 0)", "    if (stat(own.sun_path, &file) < 0)", "test_leaves_alone", "a file of its own"),
    Mutant("unlink() at once", FILE, "    int result = bind(listener, address, sizeof own);\n",
           "    unlink(own.sun_path);\n"
           "    int result = bind(listener, address, sizeof own);\n", "test_leaves_alone", "S_ISSOCK()"),
    Mutant("no lock", FILE, "    while (flock(folder, LOCK_EX) < 0)", "    while (folder < 0)", "test_two_at_once",
           "A lock that both"),
    Mutant("the folder is not locked", FILE, "    int folder = lock_folder();\n\n    if (folder < 0)\n        return "
           "-1;\n",
           "    int folder = dup(0);\n\n    if (folder < 0)\n        return -1;\n", "test_two_at_once", "A lock that "
           "both"),
    Mutant("the lock is on .", FILE, "open(name, O_RDONLY", "open(name ? \".\" : name, O_RDONLY",
           "test_two_at_once", "and not of `.`"),
    Mutant("the lock ends before listen()", FILE, "    else if ((result = listen(", "    else if (close(folder), (result = listen(",
           "test_two_at_once", "until listen()"),
    Mutant("the lock is kept", FILE, "    close(folder);\n    return result;", "    return result;", "test_two_at_once", "never gives it back"),
    Mutant("SIGINT leaves the file", FILE, " || sigaction(SIGINT, &end, NULL) < 0", "", "test_removes_its_file",
           "with a handler"),
    Mutant("it goes on", FILE, "    raise(number); /* now it ends us: SA_RESETHAND */\n", "    (void)number;\n",
           "test_removes_its_file", "with a handler"),
    Mutant("not while a client is served", FILE, "        serve_client(client, ++visitors);",
           "        sigset_t both, before;\n        sigemptyset(&both);\n        sigaddset(&both, SIGTERM);\n        sigaddset(&both, SIGINT);\n"
           "        sigprocmask(SIG_BLOCK, &both, &before);\n        serve_client(client, ++visitors);\n        sigprocmask(SIG_SETMASK, &before, NULL);",
           "test_removes_its_file", "between two clients"),
    Mutant("whoever's socket it is", FILE, "now.st_dev == own_file.st_dev &&\n        now.st_ino == own_file.st_ino)",
           "own_file.st_ino != 0 &&\n        S_ISSOCK(now.st_mode))", "test_removes_its_file", "Somebody may have"),
    Mutant("whoever's file it is", FILE, "now.st_ino == own_file.st_ino)", "now.st_ino != 0)", "test_removes_its_file",
           "Somebody may have"),
]
