"""Wrong versions of 5c-syn-scan."""

from mutants import Mutant

SUM = "    put16(tcp + 16, finish(add_words(sum, tcp, TCP_HEADER)));\n"
SENT = "    if (sendto(raw, packet, sizeof packet, 0, (const struct sockaddr *)target, sizeof *target) < 0)\n"
RAW = "    if (raw < 0 || setsockopt(raw, IPPROTO_IP, IP_HDRINCL, &on, sizeof on) < 0) {\n"

MUTANTS = [
    Mutant("no IP_HDRINCL", "syn-scan.c", RAW, "    if (raw < 0 || on < 0) {\n", "test_sends_a_syn", "without IP_HDRINCL"),
    Mutant("the port's low byte first", "packet.c", "    at[0] = (unsigned char)(number >> 8);\n    at[1] = (unsigned char)number;\n",
           "    at[1] = (unsigned char)(number >> 8);\n    at[0] = (unsigned char)number;\n", "test_sends_a_syn", "high byte first"),
    Mutant("the header's length in bytes", "packet.c", "tcp[12] = TCP_HEADER / 4 << 4;", "tcp[12] = TCP_HEADER;",
           "test_sends_a_syn", "5 << 4"),
    Mutant("SYN and ACK", "syn-scan.c", "{.flags = SYN, .window = 1024}", "{.flags = SYN | ACK, .window = 1024}",
           "test_sends_a_syn", "One SYN is enough"),
    Mutant("two SYNs", "syn-scan.c", SENT, SENT.replace("    if (", "    if (sendto(raw, packet, sizeof packet, 0, "
           "(const struct sockaddr *)target, sizeof *target) < 0 ||\n        "), "test_sends_a_syn", "so does a loop"),
    Mutant("it connects, too", "syn-scan.c", SENT, "    int stream = socket(AF_INET, SOCK_STREAM, 0);\n\n    connect(stream, "
           "(const struct sockaddr *)target, sizeof *target);\n" + SENT, "test_takes_no_connection", "finishes the handshake"),
    Mutant("0 without the right", "syn-scan.c", 'report("raw socket"); /* EPERM: that is for root */\n        return 1;',
           'report("raw socket");\n        return 0;', "test_without_the_right", "return 1 from main()"),
    Mutant("atoi()", "syn-scan.c", "int port = parse_number(argv[2], MAX_PORT);", "int port = (unsigned short)strtol(argv[2], NULL, 10);",
           "test_wrong_usage", "strtol()"),
    Mutant("port 0 is one", "syn-scan.c", "    if (port < 1)", "    if (port < 0)", "test_wrong_usage", "port 0 is none"),
    Mutant("any address", "syn-scan.c", "ntohl(target->sin_addr.s_addr) >> 24 != 127", "0", "test_other_addresses", "first byte"),
    Mutant("the last byte of the address", "syn-scan.c", "ntohl(target->sin_addr.s_addr) >> 24", "target->sin_addr.s_addr >> 24",
           "test_other_addresses", "ntohl()"),
    Mutant("no checksum", "packet.c", SUM, "    (void)sum;\n    (void)finish;\n", "test_checksum", "not filled in"),
    Mutant("no pseudo header", "packet.c", "add_words(IPPROTO_TCP + TCP_HEADER, ip + 12, 8)", "0", "test_checksum", "pseudo header"),
    Mutant("what was carried is lost", "packet.c", "(sum & 0xffff) + (sum >> 16)", "(sum & 0xffff)", "test_checksum", "carried"),
    Mutant("the bits are not turned", "packet.c", "return ~sum & 0xffff;", "return sum;", "test_checksum", "all bits are turned"),
    Mutant("the same sequence number", "syn-scan.c", "(uint32_t)now() * 2654435761u", "2654435761u", "test_another_each_time", "some bits of the clock"),
    Mutant("the same port", "syn-scan.c", "syn.source_port = ntohs(own->sin_port);", "syn.source_port = 50000;",
           "test_another_each_time", "bound to port 0"),
    Mutant("the port is not what it prints", "syn-scan.c", "source, segment->source_port,", "source, segment->destination_port,",
           "test_prints_what_it_sends", "really stands in the header"),
    Mutant("nothing is printed before the answer", "syn-scan.c", '    print_segment("sent", &syn);\n', "", "test_prints_what_it_sends", "sent SYN from"),
    Mutant("its own SYN is an answer", "syn-scan.c", "read_segment(answer, packet, (size_t)size) == 0 && answers(answer, syn))",
           "read_segment(answer, packet, (size_t)size) == 0 && (answers(answer, syn) || answer->flags == SYN))",
           "test_open", "our own SYN, too"),
    Mutant("no answer is seen", "syn-scan.c", "syn->sequence + 1;", "syn->sequence;", "test_open", "sequence number plus 1"),
    Mutant("the header of IP is 24 bytes", "packet.c", "(ip[0] & 0xfu) * 4 :", "(ip[0] & 0xfu) * 4 - 4 :", "test_open", "sequence number plus 1"),
    Mutant("the window is low byte first", "packet.c", "segment->window = get16(tcp + 14);", "segment->window = tcp[15] << 8 | tcp[14];",
           "test_open", "high byte first"),
    Mutant("RST is not looked at", "syn-scan.c", 'answer.flags & RST ? "closed" : "open"', '"open"', "test_closed", "RST set"),
    Mutant("silence is an error", "syn-scan.c", "    if (found < 0)\n        return -1;", "    if (found <= 0)\n        return -1;",
           "test_silent", "that is no error"),
    Mutant("it waits for ever", "syn-scan.c", "poll(&readable, 1, (int)left)", "poll(&readable, 1, -1)", "test_silent", "has a limit"),
    Mutant("any acknowledgement", "syn-scan.c", " && segment->acknowledgement == syn->sequence + 1;", ";", "test_liar", "acknowledges the sequence"),
    Mutant("any port", "syn-scan.c", "           segment->source_port == syn->destination_port &&\n", "", "test_liar", "that were asked"),
    Mutant("ACK alone", "syn-scan.c", "           segment->flags & (SYN | RST) && ", "           ", "test_liar", "SYN or RST beside ACK"),
]
