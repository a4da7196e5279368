"""Wrong versions of 04-send-recv."""

from mutants import Mutant

MUTANTS = [
    Mutant("visitors are counted from 0", "send-recv.c", "serve_client(client, peer_text, visitors)",
           "serve_client(client, peer_text, visitors - 1)",
           "test_greets_and_counts_visitors", "visitor 0"),
    Mutant("strlen() on binary data", "send-recv.c", "send_all(client, buffer, (size_t)received)",
           "send_all(client, buffer, strlen((char *)buffer))",
           "test_answers_while_the_client_still_speaks", "string"),
    Mutant("SIGPIPE is fatal", "send-recv.c", ".sa_handler = SIG_IGN", ".sa_handler = SIG_DFL",
           "test_survives_a_reset_before_the_echo", "SIGPIPE"),
    Mutant("one send() is assumed to be enough", "io.c", "            size -= (size_t)sent;",
           "            size = 0;",
           "test_a_mebibyte_to_a_slow_reader", "took only a part"),
]
