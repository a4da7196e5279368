"""What can go wrong in exercise 6b: dig."""

import pytest

from harness import checks, dns
from harness.datagrams import Datagrams, nobody
from harness.dns import answer, record
from harness.namespaces import empty_network
from harness.talk import reserved_port

row = pytest.mark.row


def fails(chapter, program, call, symbol):
    """The program has ended with status 1, and says that this call has failed so."""
    assert program.status == 1 and program.stderr.startswith("dig: %s" % call), program.stderr
    checks.is_failure(chapter, program, symbol)


@row("6b-dig", "recv", "ETIMEDOUT (from our reader)")
def test_no_answer(chapter):
    with Datagrams("the name server") as server:
        fails(chapter, chapter.run("-s", "127.0.0.1", "-p", str(server.port), "a", limit=15), "recv", "ETIMEDOUT")


@row("6b-dig", "recv", "ECONNREFUSED")
def test_nobody_receives_there(chapter):
    with nobody() as port:
        fails(chapter, chapter.run("-s", "127.0.0.1", "-p", str(port), "a"), "recv", "ECONNREFUSED")


@row("6b-dig", "connect", "ECONNREFUSED")
def test_cut_and_no_tcp(chapter):
    with reserved_port() as port, Datagrams("the name server", port=port) as server:
        program = chapter.start("-s", server.address, "-p", str(server.port), "a")
        query, sender = server.receive(what="a question")
        server.send_to(sender, answer(query, cut=True))
        program.status = program.wait()
    fails(chapter, program, "connect", "ECONNREFUSED")


@row("6b-dig", "connect", "ENETUNREACH")
def test_no_way_leads_there(chapter):
    fails(chapter, chapter.run("-s", "192.0.2.1", "a", under=empty_network()), "connect", "ENETUNREACH")


@row("6b-dig", "recv", "EBADMSG")
def test_too_early_an_end(chapter):
    from chapters.test_6b_dig import by_tcp
    fails(chapter, by_tcp(chapter, lambda connection, query: connection.sendall(b"\1\0")), "recv", "EBADMSG")


@row("6b-dig", "answer", "EBADMSG (from our `print_records()`)")
def test_lies(chapter):
    program = dns.run(chapter, lambda query: answer(query, record("A", bytes(4)), count=2), "a")
    assert program.status == 1 and program.stderr == "dig: answer: Bad message (EBADMSG)\n"
