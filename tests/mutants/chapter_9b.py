"""Wrong versions of 9b-tls-termination."""

from mutants import Mutant

TRUSTED = "    if (!is_proxy(peer)) /* whoever else sends a header may lie */\n        return peer;\n"
SAME = "    return proxy.ss_family != AF_UNSPEC && memcmp(&its, &ours, sizeof its) == 0;\n"
CLOSED = "        log_message(LOG_WARNING, \"no PROXY header from %s\", address_text(peer, text));\n        return NULL;\n"
FOUND = "    peer = find_client(&reader, peer, &named);\n"
KEY = "    if (strcmp(key, \"proxy\") == 0)\n"
JUDGED = "        return parse_address(value, 0, &config->proxy) != 0\n"
FIRST = "    return header[0] == 'P' && read_line(reader, header, client);\n"
SKIP = "    for (size_t i = size; i < length; i++) /* more may stand there: it is counted, too */\n"
LENGTH = "    size_t length = (size_t)(head[14] << 8 | head[15]);\n"
SPACE = "        next = strchr(next, ' '); /* strtok() would take two spaces for one */\n        if (next != NULL)\n            *next++ = '\\0';\n"
FAMILY = "parse_address(host, number, client) != 0 && client->ss_family == family"
ENDS = "    if (line[length - 2] != '\\r')\n        return false;\n    line[length - 2] = '\\0';\n"
TAKE = "        if (reader->start == reader->end && fill_reader(reader) <= 0)\n            return false;\n"
KNOWN = "    if ((head[12] != 0x20 && head[12] != 0x21) || kind >> 4 > 3 || (kind & 0x0f) > 2)\n        return false;\n"

MUTANTS = [
    Mutant("the key is not known", "config.c", "\"proxy\"", "\"proxies\"", "test_takes_a_header", "`proxy` is not known"),
    Mutant("the header is not read", "serve.c", FOUND, "    (void)find_client;\n    (void)named;\n", "test_takes_a_header", "taken for the request"),
    Mutant("the port is compared, too", "proxy.c", SAME, SAME.replace(" == 0;", " == 0 &&\n           ((const struct sockaddr_in *)peer)->sin_port == ((struct sockaddr_in *)&proxy)->sin_port;"),
           "test_takes_a_header", "whatever its port"),
    Mutant("what stands behind the header is thrown away", "proxy.c", "    return strlen(line) == length - 2 && parse_line(line, client);",
           "    reader->start = reader->end = 0;\n    return strlen(line) == length - 2 && parse_line(line, client);", "test_takes_a_header", "has to stay in the buffer"),
    Mutant("a second header is read, too", "serve.c", FOUND, FOUND + "    while (peer == (struct sockaddr *)&named && reader.buffer[reader.start] == 'P')\n"
           "        read_proxy_header(&reader, &named);\n", "test_takes_a_header", "all is as before"),

    Mutant("IPv4 at a listener of IPv6 is another", "proxy.c", SAME, SAME.replace("!= AF_UNSPEC", "== peer->sa_family"), "test_believes_nobody_else", "still the same"),
    Mutant("a header is believed from anyone", "serve.c", TRUSTED, "    if (!is_proxy(peer) && (fill_reader(reader) < 1 || reader->buffer[0] != 'P'))\n        return peer;\n",
           "test_believes_nobody_else", "believed from whoever"),
    Mutant("without the key all are believed", "proxy.c", SAME, "    if (proxy.ss_family == AF_UNSPEC)\n        return true;\n" + SAME, "test_believes_nobody_else", "Without the key"),
    Mutant("a part of the address is compared", "proxy.c", SAME, SAME.replace("sizeof its", "13"), "test_believes_nobody_else", "compare all of its bytes"),
    Mutant("the address is compared as text", "proxy.c", "    as_ipv6(peer, &its);\n",
           "    char a[ADDRESS_TEXT_SIZE], b[ADDRESS_TEXT_SIZE];\n    address_text(peer, a);\n    address_text((const struct sockaddr *)&proxy, b);\n"
           "    if (strncmp(a, b, strcspn(b, \" \")) == 0)\n        return true;\n    as_ipv6(peer, &its);\n", "test_believes_nobody_else", "compare all of its bytes"),

    Mutant("without a header the request is served all the same", "serve.c", CLOSED, "        reader->start = 0;\n        return peer;\n", "test_without_a_header", "without an answer"),
    Mutant("a 400 for what is no header", "serve.c", CLOSED, CLOSED.replace("        return NULL;\n", "        send(reader->descriptor, \"HTTP/1.0 400 Bad Request\\r\\n\\r\\n\", 28, 0);\n        return NULL;\n"),
           "test_without_a_header", "without an answer"),
    Mutant("it is not logged", "serve.c", CLOSED, "        (void)text;\n        return NULL;\n", "test_without_a_header", "logged with LOG_WARNING"),
    Mutant("it is logged to stdout", "serve.c", "log_message(LOG_WARNING, \"no", "log_message(LOG_NOTICE, \"no", "test_without_a_header", "logged with LOG_WARNING"),
    Mutant("the end is waited for", "proxy.c", "    return header[0] == 'P' && read_line(reader, header, client);\n",
           "    while (header[0] != 'P' && take(reader, header, 1))\n        header[0] = 'x';\n" + FIRST, "test_without_a_header", "stays open"),

    Mutant("eight seconds for each recv()", "proxy.c", TAKE, "        if (reader->start == reader->end) {\n            start_reader(reader, reader->descriptor, 8);\n"
           "            if (fill_reader(reader) <= 0)\n                return false;\n        }\n", "test_deadline", "what is left"),
    Mutant("eight seconds more for the request", "serve.c", FOUND, FOUND + "    reader.deadline.tv_sec += 8;\n", "test_deadline", "what is left"),
    Mutant("a 408 for a late header", "serve.c", CLOSED, CLOSED.replace("        return NULL;\n", "        if (reader->start == reader->end)\n"
           "            send(reader->descriptor, \"HTTP/1.0 408 Request Timeout\\r\\n\\r\\n\", 32, 0);\n        return NULL;\n"), "test_deadline", "Where the header is late"),
    Mutant("a late request is closed", "serve.c", "    if (status == 0) {\n", "    if (status == 0 || status == 408) {\n", "test_deadline", "a request that is late"),

    Mutant("SIGHUP does not change it", "tls-termination.c", "    trust_proxy(&config.proxy);\n", "", "test_reload", "the new address"),
    Mutant("a proxy of half a configuration", "tls-termination.c", "    if (read_config(server->config_path, &config) < 0 ||", "    trust_proxy(&(struct sockaddr_storage){0});\n"
           "    if (read_config(server->config_path, &config) < 0 ||", "test_reload", "all stays as it was"),
    Mutant("a value is taken as it is", "config.c", JUDGED, JUDGED.replace("parse_address(value, 0, &config->proxy) != 0", "parse_address(value, 0, &config->proxy) < 999"),
           "test_refuses", "inet_pton() judges it"),
    Mutant("what stands behind the address is cut off", "config.c", KEY, KEY.replace("(strcmp(key, \"proxy\") == 0)", "(strcmp(key, \"proxy\") == 0 && strchr(value, '/') != NULL)\n"
           "        *strchr(value, '/') = '\\0';\n    if (strcmp(key, \"proxy\") == 0)"), "test_refuses", "inet_pton() judges it"),
    Mutant("the server waits for its child", "proxy.c", "bool is_proxy(const struct sockaddr *peer)\n{\n", "#include <signal.h>\n#include <unistd.h>\nbool is_proxy(const struct sockaddr *peer)\n{\n"
           "    kill(getppid(), SIGSTOP);\n", "test_serves_as_chapter_9_does", "many at once"),
    Mutant("SIGTERM ends it at once", "tls-termination.c", "    wait_for_children(&server->children);\n", "    _exit(1);\n", "test_serves_as_chapter_9_does", "SIGTERM"),

    Mutant("0 is no port", "proxy.c", "    return number >= 0 && parse_address", "    return number > 0 && parse_address", "test_names_the_client", "0 is a port"),
    Mutant("the log names the proxy", "serve.c", "    return named->ss_family == AF_UNSPEC ? peer : (struct sockaddr *)named;", "    return peer;", "test_names_the_client", "still names the proxy"),
    Mutant("the server's address", "proxy.c", "parse_client(words[2], words[4], family, client)", "parse_client(words[3], words[4], family, client)", "test_names_the_client", "the client's is the first"),
    Mutant("the server's port", "proxy.c", "parse_client(words[2], words[4], family, client)", "parse_client(words[2], words[5], family, client)", "test_names_the_client", "the client's is the"),
    Mutant("the port the wrong way round", "proxy.c", "parse_address(host, number, client) != 0", "parse_address(host, (number >> 8 | number << 8) & 0xffff, client) != 0",
           "test_names_the_client", "turns its bytes round"),
    Mutant("no IPv6", "proxy.c", "strcmp(words[1], \"TCP6\") == 0", "strcmp(words[1], \"TCP_6\") == 0", "test_names_the_client", "inet_ntop()"),
    Mutant("UNKNOWN is not known", "proxy.c", "    if (strcmp(line, \"PROXY UNKNOWN\") == 0 ||", "    if (strcmp(line, \"UNKNOWN\") == 0 ||", "test_unknown", "is a header"),
    Mutant("UNKNOWN alone", "proxy.c", "strncmp(line, \"PROXY UNKNOWN \", 14) == 0)", "strcmp(line, \"PROXY UNKNOWN x\") == 0)", "test_unknown", "with or without more"),

    Mutant("a line of any length", "proxy.c", "        if (length == LINE_LENGTH || !take(reader, line + length, 1))\n            return false;\n    while (line[length++] != '\\n');\n",
           "        if (length == LINE_LENGTH)\n            length--;\n        else if (!take(reader, line + length, 1))\n            return false;\n    while (line[length++] != '\\n');\n",
           "test_wrong_lines", "107 bytes at most"),
    Mutant("a byte more", "proxy.c", "    LINE_LENGTH = 107,", "    LINE_LENGTH = 108,", "test_wrong_lines", "107 bytes at most"),
    Mutant("\\n alone", "proxy.c", ENDS, "    if (line[length - 2] != '\\r')\n        line[length++ - 1] = '\\0';\n    line[length - 2] = '\\0';\n", "test_wrong_lines", "a \\n alone"),
    Mutant("spaces as they come", "proxy.c", SPACE, SPACE + "        while (next != NULL && *next == ' ')\n            next++;\n", "test_wrong_lines", "One space"),
    Mutant("atoi() for the port", "proxy.c", "    int number = port[0] == '0' && port[1] != '\\0' ? -1 : parse_number(port, MAX_PORT);\n",
           "    extern int atoi(const char *);\n    int number = atoi(port) & 0xffff;\n", "test_wrong_lines", "in digits alone"),
    Mutant("zeros in front", "proxy.c", "port[0] == '0' && port[1] != '\\0' ? -1 : ", "", "test_wrong_lines", "a zero in front"),
    Mutant("the second port is not looked at", "proxy.c", "parse_client(words[3], words[5], family, &server)", "parse_client(words[3], \"1\", family, &server)", "test_wrong_lines", "both of them"),
    Mutant("addresses of any family", "proxy.c", FAMILY, FAMILY.replace("client->ss_family == family", "family != AF_UNSPEC"), "test_wrong_lines", "addresses of that family"),
    Mutant("any family that begins with TCP", "proxy.c", "strcmp(words[1], \"TCP4\") != 0", "strlen(words[1]) != 4", "test_wrong_lines", "Each word"),
    Mutant("the second address is not looked at", "proxy.c", "parse_client(words[3], words[5], family, &server)", "parse_client(words[2], words[5], family, &server)", "test_wrong_lines", "Each word"),
    Mutant("whatever begins with UNKNOWN", "proxy.c", "strncmp(line, \"PROXY UNKNOWN \", 14)", "strncmp(line, \"PROXY UNKNOWN\", 13)", "test_wrong_lines", "Each word"),
    Mutant("more words", "proxy.c", "        if (count == 6)\n            return false;\n", "        if (count == 6)\n            break;\n", "test_wrong_lines", "nothing behind them"),
    Mutant("a zero byte ends the line", "proxy.c", "strlen(line) == length - 2 && parse_line", "parse_line", "test_wrong_lines", "Each word"),

    Mutant("no version 2", "proxy.c", "    if (header[0] == signature[0])\n", "    if (header[0] == signature[4])\n", "test_names_the_client_of_version_2", "twelve bytes of its own"),
    Mutant("the length's low byte alone", "proxy.c", LENGTH, LENGTH.replace("(head[14] << 8 | head[15])", "head[15]"), "test_names_the_client_of_version_2", "the high one first"),
    Mutant("what stands behind the addresses is not skipped", "proxy.c", SKIP, SKIP.replace("i = size; i < length;", "i = size; i < length && i > 99;"), "test_names_the_client_of_version_2", "past the addresses"),
    Mutant("version 2 is counted and not used", "proxy.c", "    if (size == IPV4_ADDRESSES) {\n", "    if (size == 999) {\n", "test_names_the_client_of_version_2", "The log names the proxy"),
    Mutant("htons() for the port", "proxy.c", "        memcpy(&ipv4->sin_port, addresses + 8, 2);\n", "        memcpy(&ipv4->sin_port, addresses + 8, 2);\n        ipv4->sin_port = htons(ipv4->sin_port);\n",
           "test_names_the_client_of_version_2", "its high byte first"),
    Mutant("the server's port in version 2", "proxy.c", "addresses + 32, 2", "addresses + 34, 2", "test_names_the_client_of_version_2", "behind both addresses"),
    Mutant("the server's address in version 2", "proxy.c", "&ipv4->sin_addr, addresses, 4", "&ipv4->sin_addr, addresses + 4, 4", "test_names_the_client_of_version_2", "16 bytes"),
    Mutant("LOCAL is used", "proxy.c", "    int kind = head[12] == 0x20 ? 0 : head[13];\n", "    int kind = head[13];\n", "test_local", "LOCAL"),
    Mutant("UDP is a client, too", "proxy.c", "kind == 0x11 ? IPV4", "kind == 0x11 || kind == 0x12 ? IPV4", "test_local", "UDP"),
    Mutant("LOCAL is refused", "proxy.c", "(head[12] != 0x20 && head[12] != 0x21)", "head[12] != 0x21", "test_local", "right headers, too"),
    Mutant("any version and command", "proxy.c", "(head[12] != 0x20 && head[12] != 0x21) || ", "", "test_wrong_bytes", "the command 0 or 1"),
    Mutant("any family", "proxy.c", KNOWN, KNOWN.replace(" || kind >> 4 > 3 || (kind & 0x0f) > 2", ""), "test_wrong_bytes", "a family from"),
    Mutant("a part of the signature", "proxy.c", "memcmp(head, signature, 12) != 0", "memcmp(head, signature, 11) != 0", "test_wrong_bytes", "All twelve bytes"),
    Mutant("a block that is too short", "proxy.c", "    if (length < size || !take(reader, addresses, size))\n", "    if (!take(reader, addresses, size))\n", "test_wrong_bytes", "has at least"),
    Mutant("half of a block will do", "proxy.c", "        if (!take(reader, &(char){0}, 1))\n            return false;\n", "        take(reader, &(char){0}, 1);\n", "test_wrong_bytes", "ended in the middle"),
    Mutant("all in one recv()", "proxy.c", "    if (!take(reader, head + 1, HEAD_SIZE - 1) ||", "    if (reader->end < HEAD_SIZE || !take(reader, head + 1, HEAD_SIZE - 1) ||", "test_in_pieces", "recv() brings what has come"),
]
