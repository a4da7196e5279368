"""Wrong versions of 2a-address."""

from mutants import Mutant

PTON = "    if (inet_pton(AF_INET, text, address->bytes) == 1)\n"
BYTES = '    print_bytes("bytes", address->bytes, address->size);\n'
NUMBER = '        printf("%-12s%lu\\n", "number", (unsigned long)number);\n'
MEMORY = '        print_bytes("in memory", (unsigned char *)&number, sizeof number);\n'
KIND = '    printf("%-12s%s\\n", "kind", kind_of(address->family, address->bytes));\n'
BY = '    printf("%-12s%s\\n", "read by", address->read_by);\n'
NETWORK = """    if (print_text("mask", address->family, mask) < 0 ||
        print_text("first", address->family, first) < 0 ||
"""
COUNT = '        printf("%-12s%llu\\n", "count", 1ULL << rest);\n'
NEXT = """        if (i > 1)
            putchar('\\n');
"""
PREFIX = "    if (slash[1] < '0' || slash[1] > '9' || *end != '\\0' || prefix > 8L * address->size)\n"

MUTANTS = [
    Mutant("127.0.0.1 is refused", "address.c", PTON, PTON + "        return 0;\n    if (address->size == 1)\n",
           "test_takes_an_address", "is an address"),
    Mutant("no row address", "address.c", '    if (print_text("address", address->family, address->bytes) < 0)\n      '
           '  return -1;\n', "",
           "test_takes_an_address", "There is no row"),
    Mutant("no bytes", "address.c", BYTES, "", "test_bytes", "A row is missing"),
    Mutant("the bytes of the number", "address.c", BYTES, "    uint32_t turned = ntohl(*(uint32_t *)(void "
           "*)address->bytes);\n"
           '    print_bytes("bytes", address->size == 4 ? (unsigned char *)&turned : address->bytes, address->size);\n',
           "test_bytes", "in network order already"),
    Mutant("char is signed", "address.c", "%02x\", bytes[i]);", "%02x\", (unsigned)(signed char)bytes[i]);",
           "test_bytes", "unsigned char"),
    Mutant("one digit", "address.c", '" %02x"', '" %x"', "test_bytes", "two hexadecimal digits"),
    Mutant("capitals", "address.c", '" %02x"', '" %02X"', "test_bytes", "%02x, and not %02X"),
    Mutant("decimal", "address.c", '" %02x"', '" %03d"', "test_bytes", "print these"),
    Mutant("no number", "address.c", NUMBER, "", "test_number", "A row is missing"),
    Mutant("a number with a sign", "address.c", NUMBER, '        printf("%-12s%d\\n", "number", (int)number);\n',
           "test_number", "no sign"),
    Mutant("without ntohl()", "address.c", "number = ntohl(number);", "number = number + 0;", "test_number", "ntohl() "
           "makes"),
    Mutant("the network's order, once more", "address.c", MEMORY,
           MEMORY.replace("(unsigned char *)&number", "address->bytes"),
           "test_number", "as they lie in memory"),
    Mutant("no IPv6", "address.c", "    return inet_pton(AF_INET6, text, address->bytes) == 1;", "    return 0;",
           "test_ipv6", "another family"),
    Mutant("the text as it was", "address.c", "    printf(\"%-12s%s\\n\", name, text);", "    char *end = text + "
           "strlen(text);\n"
           "    for (char *c = text; c < end; c++)\n        *c = (char)(*c >= 'a' ? *c - 32 : *c);\n    "
           "printf(\"%-12s%s\\n\", name, text);",
           "test_ipv6", "inet_ntop() makes"),
    Mutant("four of sixteen", "address.c", BYTES, BYTES.replace("address->size", "4"), "test_ipv6", "16 bytes"),
    Mutant("a number of IPv6, too", "address.c", "    if (address->family == AF_INET) {\n        memcpy",
           "    if (address->family) {\n        memcpy",
           "test_ipv6", "for IPv4 only"),
    Mutant("a word on stderr", "address.c", NEXT, NEXT + '        fprintf(stderr, "reading %s\\n", argv[i]);\n',
           "test_prints_the_rows_in_order",
           "printed on stderr"),
    Mutant("no empty line", "address.c", NEXT, "", "test_prints_the_rows_in_order", "one empty line"),
    Mutant("tabs", "address.c", "    printf(\"%-12s%s\\n\", name, text);", "    printf(\"%s\\t%s\\n\", name, text);",
           "test_prints_the_rows_in_order", "padded to 12"),
    Mutant("the first is printed at once", "address.c", "            return usage(argv[i], problem);\n",
           "            return usage(argv[i], problem);\n        print_address(&address);\n        fflush(stdout);\n  "
           "      if (argc == 2)\n"
           "            return 0;\n", "test_wrong_text", "before you print the first"),
    Mutant("what stands behind a space", "address.c", "text[strspn(text, \"0123456789abcdefABCDEFxX.\")] == '\\0' && ",
           "", "test_wrong_text",
           "behind a space"),
    Mutant("only a space is looked for", "address.c",
           "text[strspn(text, \"0123456789abcdefABCDEFxX.\")] == '\\0' && ", "strchr(text, ' ') == NULL && ",
           "test_wrong_text", "a tab or"),
    Mutant("1 for wrong usage", "address.c", "    return 2;", "    return 1;", "test_wrong_text", "Wrong usage is "
           "exit status 2"),
    Mutant("no usage", "address.c", '    fprintf(stderr, "usage: address TEXT[/PREFIX]...\\n");\n', "",
           "test_wrong_text", "A line that begins with"),
    Mutant("it does not say what", "address.c", '"%s: %s: %s\\n", program, input, problem', '"%s: %s%s\\n", program, '
           'input ? "" : "?", problem',
           "test_wrong_text", "repeat the argument"),
    Mutant("nothing is no address", "address.c", "    if (argc < 2)\n        return usage(\"no TEXT\", \"which "
           "address?\");\n", "",
           "test_wrong_text", "look at argc"),
    Mutant("inet_pton() is not looked at", "address.c", "    return inet_pton(AF_INET6, text, address->bytes) == 1;",
           "    return inet_pton(AF_INET6, text, address->bytes) >= 0;", "test_wrong_text", "0 for what is none"),
    Mutant("nobody asks whether it was written", "address.c", "    if (fflush(stdout) != EOF) /*",
           "    if (fflush(stdout) <= 0) /*",
           "test_output_that_never_came_out", "fflush(stdout)"),
    Mutant("no kind", "address.c", KIND, "", "test_kind", "A row is missing"),
    Mutant("172.16 alone", "kinds.c", '{"172.16.0.0", 12, "private"}', '{"172.16.0.0", 16, "private"}', "test_kind",
           "need not end where a byte"),
    Mutant("whole bytes only", "kinds.c", "8 * j < networks[i].prefix; j++", "8 * j + 7 < networks[i].prefix; j++",
           "test_kind", "need not end where a byte"),
    Mutant("no shared", "kinds.c", '    {"100.64.0.0", 10, "shared"},\n', "", "test_kind",
           "has a row for it"),
    Mutant("no documentation", "kinds.c", '    {"198.51.100.0", 24, "documentation"},\n', "", "test_kind",
           "has a row for it"),
    Mutant("the network before the address", "kinds.c", '    {"0.0.0.0", 32, "unspecified"},\n', "", "test_kind",
           "before the network"),
    Mutant("no multicast", "kinds.c", '    {"224.0.0.0", 4, "multicast"},\n', "", "test_kind", "The table of the "
           "contract"),
    Mutant("all of 2000::/3", "kinds.c", '    {"2001:db8::", 32, "documentation"},\n', "", "test_kind_of_ipv6",
           "the smaller network comes first"),
    Mutant("fe80::/16", "kinds.c", '{"fe80::", 10,', '{"fe80::", 16,', "test_kind_of_ipv6", "16 bytes are compared"),
    Mutant("nobody says who reads it", "address.c", BY, "", "test_read_by", "A row is missing"),
    Mutant("no inet_aton()", "address.c", "inet_aton(text, &ipv4) != 0", "inet_aton(text, &ipv4) == 2", "test_read_by",
           "what inet_pton() refuses"),
    Mutant("inet_addr()", "address.c", "inet_aton(text, &ipv4) != 0",
           "(ipv4.s_addr = inet_addr(text)) != INADDR_NONE",
           "test_read_by", "returns the same number"),
    Mutant("inet_aton() takes IPv6", "address.c", '"inet_pton only"', '"inet_pton and inet_aton only"', "test_read_by",
           "ask both"),
    Mutant("inet_aton() comes first", "address.c", PTON, "    if (inet_aton(text, (struct in_addr *)(void "
           "*)address->bytes) != 0)\n", "test_read_by",
           "ask both"),
    Mutant("octal is decimal", "address.c", "&& inet_aton(text, &ipv4) != 0", "&& inet_aton(text + strspn(text, "
           "\"0\"), &ipv4) != 0", "test_read_by",
           "A leading 0 is octal"),
    Mutant("the slash is read, too", "address.c", "        *slash = '\\0';", "        *slash = '/';", "test_network",
           "cut the text there"),
    Mutant("no count", "address.c", COUNT, "        ;\n", "test_network", "A row is missing"),
    Mutant("a shift by 32", "address.c", "1ULL << rest", "(unsigned long long)(uint32_t)(1ULL << rest)", "test_network",
           "needs 64 bits"),
    Mutant("whole bytes of a mask", "kinds.c", "(unsigned char)(0xff << (8 - prefix))", "0xff", "test_network",
           "as many ones as PREFIX"),
    Mutant("the address is the first", "address.c", "address->bytes[i] & mask[i];", "address->bytes[i] & 0xff;",
           "test_network", "address & mask"),
    Mutant("the last is not the last", "address.c", "(first[i] | ~mask[i])", "(first[i] | (~mask[i] & 0xfe))",
           "test_network", "first | ~mask"),
    Mutant("hosts only", "address.c", "1ULL << rest", "(1ULL << rest) - (rest == 24 ? 2 : 0)", "test_network",
           "2 to the power"),
    Mutant("one too many", "address.c", '"%-12s2^%d\\n", "count", rest', '"%-12s%llu\\n", "count", rest < 64 ? 1ULL '
           '<< rest : 0',
           "test_network_of_ipv6", "`count` is 2^N"),
    Mutant("the first four of sixteen", "kinds.c", "for (int i = 0; i < 16; i++, prefix -= 8)", "for (int i = 0; i < "
           "16; i++, prefix -= i < 4 ? 8 : prefix)",
           "test_network_of_ipv6", "All 16 bytes"),
    Mutant("33 bits", "address.c", PREFIX, PREFIX.replace("8L * address->size", "128"), "test_wrong_prefix",
           "how large the number is"),
    Mutant("atoi()", "address.c", PREFIX, "    if (prefix < 0 || prefix > 8L * address->size || (end == slash + 1 && "
           "0))\n", "test_wrong_prefix",
           "where the number ended"),
    Mutant("no digit", "address.c", PREFIX,
           PREFIX.replace("slash[1] < '0'", "(slash[1] != '\\0' && slash[1] < '0')"),
           "test_wrong_prefix", "No digit is no number"),
    Mutant("a sign", "address.c", PREFIX, PREFIX.replace("slash[1] < '0'", "end == slash + 1 || prefix < 0"),
           "test_wrong_prefix", "white space and a sign"),
    Mutant("a prefix of 32 bits", "address.c", "    long prefix = strtol(", "    int prefix = (int)strtol(",
           "test_wrong_prefix", "keeps only a part"),
    Mutant("a prefix of what is none", "address.c", "    if (!is_address)\n",
           "    if (!is_address && slash == NULL)\n",
           "test_wrong_prefix", "Before the slash"),
    Mutant("only three of four", "address.c", NETWORK, '    if (print_text("mask", address->family, mask) < 0 ||\n',
           "test_all_rows", "A row is missing"),
    Mutant("the last comes first", "address.c", NETWORK, '    if (print_text("first", address->family, first) < 0 ||\n'
           '        print_text("mask", address->family, mask) < 0 ||\n', "test_all_rows", "come last, in the order"),
]
