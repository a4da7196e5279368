"""Wrong versions of 6b-dig."""

from mutants import Mutant

SEND = "        if (send_all(descriptor, data, prefix + query->size) < 0)\n            return report(\"send\");\n"
POINTER = "start = message->next = to < start ? to : NONSENSE;"
LINE = 'printf(" %u %s %s", seconds, types[type], text);'
BYTE = 'printf(isalnum(byte) || byte == \'-\' || byte == \'_\' ? "%c" : "\\\\%03d", byte);'
RECEIVED = "        if (more < 0 || (more == 0 && prefix > 0))\n            return -1;\n"
PASSED = "return close(descriptor); /* all others are passed over */"
WHOLE = "while (got < prefix + message->size);"
ID = "memcmp(data, ours, 2) == 0 && "
TRUNCATED = "(answer.data[2] & 2) != 0"
CODE = "    if (code == 0 && count > 0)\n        return 0;\n"
OTHER = "if (end > answer->size || class != 1 || type >= TYPES || types[type] == NULL) {"

MUTANTS = [
    Mutant("nothing is sent", "dig.c", SEND, "", "test_sends_a_question", "No datagram comes"),
    Mutant("IPv4 only", "dig.c", "const char *bad = length == 0 ?", "const char *bad = length != sizeof(struct sockaddr_in) ?",
           "test_sends_a_question", "an address of IPv6"),
    Mutant("all records are the answer's", "message.c", "int count = answer->data[6] << 8 | answer->data[7];",
           "int count = (answer->data[6] << 8 | answer->data[7]) + answer->data[9];", "test_records", "the first count"),
    Mutant("a preference with a sign", "message.c", 'printf("%u ", take(answer, 2))', 'printf("%d ", (short)take(answer, 2))', "test_pointers",
           "without a sign, the preference"),
    Mutant("another port", "dig.c", "find_server(port, &server);", "find_server(port, &server);\n    ((struct sockaddr_in *)&server)->sin_port++;",
           "test_sends_a_question", "the port of -p"),
    Mutant("the counts have the low byte first", "message.c", "query->data[5] = 1;", "query->data[4] = 1;", "test_the_question",
           "01 00"),
    Mutant("the dots are sent", "message.c", "        label += length + (label[length] == '.');", "        label += length + (label[length] == '.');\n"
           "        if (*label != '\\0')\n            *next++ = '.';", "test_the_question", "The dots are not sent"),
    Mutant("a dot at the end is a label", "message.c", "        label += length + (label[length] == '.');",
           "        label += length + (label[length] == '.');\n        if (*label == '\\0' && label[-1] == '.')\n            *next++ = 0;",
           "test_the_question", "nor does a dot at the end"),
    Mutant("the type of A for all", "message.c", "next[2] = number; ", "next[2] = number > 0 ? A : A; ", "test_the_question", "such as 15 for MX"),
    Mutant("a byte too much", "message.c", "(next + 5 - query->data)", "(next + 6 - query->data)", "test_the_question", "no more"),
    Mutant("the code from the wrong half", "dig.c", "answer.data[3] & 15", "answer.data[3] >> 4", "test_a_code", "low four bits"),
    Mutant("a code is a success", "dig.c", "code < 6 ? codes[code] : \"?\");\n    return 1;", "code < 6 ? codes[code] : \"?\");\n    return 0;",
           "test_a_code", "no success"),
    Mutant("a signed TTL", "message.c", LINE, LINE.replace("%u", "%d").replace("seconds", "(int)seconds"), "test_records", "32 bits without a sign"),
    Mutant("a TTL of 16 bits", "message.c", LINE, LINE.replace("seconds", "seconds & 0xffff"), "test_records", "The TTL"),
    Mutant("IPv6 addresses as IPv4", "message.c", "inet_ntop(type == A ? AF_INET : AF_INET6, data", "inet_ntop(AF_INET, data",
           "test_records", "16 bytes"),
    Mutant("other types make no sense", "message.c", "            answer->next = end;\n        } else if", "            answer->next = NONSENSE;\n        } else if",
           "test_records", "another type or class"),
    Mutant("the class is not looked at", "message.c", OTHER, OTHER.replace("class != 1", "class == 0"), "test_records", "another type or class"),
    Mutant("only the first record", "message.c", "i < count && answer", "i < 1 && answer", "test_records", "how many records there are"),
    Mutant("no preference", "message.c", '                printf("%u ", take(answer, 2)); /* the preference */', "                take(answer, 2);",
           "test_pointers", "The data of MX"),
    Mutant("it goes on where the last pointer ends", "message.c", "behind = behind > 0 ? behind : message->next;", "behind = message->next;",
           "test_pointers", "the low 14 bits"),
    Mutant("it goes on behind the name pointed to", "message.c", "    if (behind > 0 && message->next <= message->size)\n        message->next = behind;\n",
           "", "test_pointers", "the low 14 bits"),
    Mutant("names in data have no pointers", "message.c", "            print_name(answer);\n        }\n", "            struct message copy = *answer;\n"
           "            for (size_t i = copy.next; i < end; i++)\n                if (copy.data[i] >= POINTER)\n                    copy.data[i] = 0;\n"
           "            print_name(&copy);\n            answer->next = copy.next > copy.size ? copy.next : end;\n        }\n",
           "test_pointers", "in which there may be a pointer"),
    Mutant("names as they are", "message.c", BYTE, "putchar(byte);", "test_hostile_names", "steer a terminal"),
    Mutant("octal digits", "message.c", '"\\\\%03d"', '"\\\\%03o"', "test_hostile_names", "three decimal digits"),
    Mutant("no name for the code", "dig.c", ': code %d (%s)\\n", program, argv[0], code, code < 6 ? codes[code] : "?");',
           ': code %d (%s)\\n", program, argv[0], code, code < 6 && code > 9 ? codes[code] : "?");', "test_names_of_codes", "behind the number"),
    Mutant("records are a success", "dig.c", CODE, CODE.replace("code == 0 && ", ""), "test_names_of_codes", "also where there are records"),
    Mutant("no record is a success", "dig.c", CODE, CODE.replace(" && count > 0", ""), "test_names_of_codes", "Code 0 and no record"),
    Mutant("pointers in a circle", "message.c", POINTER, "message->next = to;", "test_nonsense", "accept only those"),
    Mutant("pointers forward", "message.c", POINTER, "message->next = to != start ? to : NONSENSE;\n            start = size++ > 99 ? to : start;",
           "test_nonsense", "Only a pointer back is one"),
    Mutant("the count is believed", "message.c", "    return answer->next <= answer->size ? count : -1;", "    return answer->next <= answer->size || count > 9 ? count : -1;",
           "test_nonsense", "The count of records"),
    Mutant("data of any length", "message.c", "        if (answer->next != end)\n            answer->next = NONSENSE;", "        answer->next = answer->next < NONSENSE ? end : NONSENSE;",
           "test_nonsense", "Each length is what a stranger says"),
    Mutant("labels of any length", "message.c", "length > MAX_LABEL || (size += 1 + length) > MAX_NAME) {\n            message",
           "(size += 1 + length) > MAX_NAME) {\n            message", "test_nonsense", "A label has up to 63"),
    Mutant("names of any length", "message.c", "} else if (length > MAX_LABEL || (size += 1 + length) > MAX_NAME) {", "} else if (length > MAX_LABEL || (size += 1 + length) > 9999) {",
           "test_nonsense", "A name has up to 255"),
    Mutant("atoi()", "dig.c", "int port = parse_number(port_text, MAX_PORT);", "int port = (unsigned short)strtol(port_text, NULL, 10);",
           "test_wrong_usage", "It asks all the same"),
    Mutant("empty labels", "message.c", "if (length < 1 || length > MAX_LABEL", "if (length > MAX_LABEL", "test_wrong_usage", "labels of 1 to 63"),
    Mutant("once and no more", "dig.c", "seconds <= 4; seconds *= 2", "seconds <= 1; seconds *= 2", "test_asks_again", "A datagram gets lost"),
    Mutant("a second each time", "dig.c", "start_reader(&reader, descriptor, seconds);", "start_reader(&reader, descriptor, 1);",
           "test_asks_again", "The waits are 1, 2 and 4"),
    Mutant("another id each time", "dig.c", "        start_reader(&reader, descriptor, seconds);", "        start_reader(&reader, descriptor, seconds);\n"
           "        if (prefix == 0 && seconds > 0)\n            ((unsigned char *)query)[3] ^= 4;", "test_asks_again", "the same bytes again"),
    Mutant("EAGAIN", "dig.c", '    return report("%s", reader.call);', '    if (errno == ETIMEDOUT)\n        errno = EAGAIN;\n    return report("%s", reader.call);',
           "test_asks_again", "errno is EAGAIN then"),
    Mutant("capitals only", "message.c", "strcasecmp(", "strcmp(", "test_the_question", "strcasecmp"),
    Mutant("a dot at the end counts", "dig.c", "length == 0 ? host : make_query", "length == 0 ? host : strlen(argv[0]) > 253 ? argv[0] : make_query",
           "test_the_question", "a dot at its end besides"),
    Mutant("lies begin the wait anew", "dig.c", PASSED, PASSED + "\n            else if (prefix == 0)\n                start_reader(&reader, descriptor, seconds);",
           "test_asks_again", "does not begin the wait anew"),
    Mutant("any id will do", "dig.c", ID, "", "test_lies", "wait on"),
    Mutant("its own question is an answer", "dig.c", "(data[2] & 0xF8) == 0x80", "(data[2] & 0x78) == 0", "test_lies", "the bit that says"),
    Mutant("any question will do", "dig.c", "           memcmp(data + 12, ours + 12, query->size - 12) == 0;", "           message->size > 12;",
           "test_lies", "that is the same"),
    Mutant("always the same id", "dig.c", "if (getentropy(query.data, 2) < 0)", "if (query.size == 0)", "test_lies", "nobody guesses"),
    Mutant("any count of questions", "dig.c", "           memcmp(data + 4, ours + 4, 2) == 0 &&\n", "", "test_lies", "one question"),
    Mutant("the process id", "dig.c", "if (getentropy(query.data, 2) < 0)",
           "query.data[0] = (unsigned char)(getpid() >> 8);\n    query.data[1] = (unsigned char)getpid();\n    if (query.size == 0)",
           "test_lies", "neither getpid()"),
    Mutant("anybody may answer", "dig.c", "        connect(descriptor, (const struct sockaddr *)server, length) < 0)\n        return report(\"connect\");",
           "        (prefix > 0 && connect(descriptor, (const struct sockaddr *)server, length) < 0))\n        return report(\"connect\");\n"
           "    if (prefix == 0) {\n        sendto(descriptor, data, query->size, 0, (const struct sockaddr *)server, length);\n"
           "        start_reader(&reader, descriptor, 5);\n        while (receive(&reader, prefix, answer) == 0)\n            if (is_answer(answer, query))\n"
           "                return close(descriptor);\n        return report(\"recv\");\n    }", "test_lies", "Anybody may send"),
    Mutant("what was cut off counts", "dig.c", TRUNCATED, "(answer.data[2] & 2) > 2", "test_tcp", "did not fit into a datagram"),
    Mutant("no length before the question", "dig.c", "(const unsigned char *)query + sizeof query->length - prefix;", "query->data;\n    const size_t more = prefix;",
           "test_tcp", "the length stands before the question"),
    Mutant("one recv() by TCP", "dig.c", WHOLE, "while (got < prefix);", "test_tcp", "TCP has no messages"),
    Mutant("half of it is all", "dig.c", RECEIVED, RECEIVED.replace("            return -1;\n", "            return more < 0 ? -1 : 0;\n"), "test_tcp",
           "The end may come before"),
    Mutant("four seconds for each byte", "dig.c", "        got += (size_t)more;\n", "        got += (size_t)more;\n        if (prefix > 0)\n"
           "            start_reader(reader, reader->descriptor, 4);\n", "test_tcp", "within ten seconds in all"),
    Mutant("any answer by TCP", "dig.c", "if (is_answer(answer, query))", "if (prefix > 0 || is_answer(answer, query))", "test_tcp", "By TCP, too"),
    Mutant("both answers", "dig.c", "ask(SOCK_STREAM, &server, length, &query, &answer) < 0)", "(print_records(&answer, &query), ask(SOCK_STREAM, &server, length, &query, &answer)) < 0)",
           "test_tcp", "What the datagram had"),
    Mutant("always this machine", "dig.c", 'fopen("/etc/resolv.conf", "r")', 'fopen("/etc/no-resolv.conf", "r")', "test_resolv_conf", "begins a line"),
    Mutant("any line with the word", "dig.c", '" nameserver %45s"', '" # nameserver %45s"', "test_resolv_conf", "first word"),
    Mutant("connect() waits as long as the kernel wants", "dig.c", "{.tv_sec = 4};", "{.tv_sec = 0};", "test_tcp", "SO_SNDTIMEO"),
]
