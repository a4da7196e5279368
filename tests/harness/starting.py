"""The graded checks of how a server starts that takes [PORT [ADDRESS]]: several exercises have the same."""

import pytest

from harness import checks, grading


def graded_checks(program):
    """Four checks of a program, of 5 points each. A module takes them under the names that they have here."""

    @grading.graded(5, "Says where it listens, at once, also into a pipe",
                    cause="The first line is `listening on ADDRESS port PORT`, with the port that the kernel gave, which "
                          "getsockname() tells; setvbuf() or fflush(stdout) sends it at once.",
                    read="Your turn", by_hand=("timeout 1 ./%s 0 | cat" % program,), needs=[])
    def test_says_where_it_listens(chapter):
        checks.says_where_it_listens(chapter.serve("0"))

    @grading.graded(5, "Listens on 127.0.0.1 port 7890 only, unless told otherwise",
                    cause=[
                        grading.Symptom("start .* 0 ::1", "The second argument is ignored, or is taken for IPv4 alone: inet_pton() "
                                        "with AF_INET6, and a socket of that family.", ("timeout 0.5 ./%s 0 ::1" % program,)),
                        "INADDR_ANY, which is 0.0.0.0, lets the network in; or the port to use without an argument is "
                        "another one."],
                    read="Your turn", by_hand=("timeout 1 ./%s & sleep 0.3; ss -Hltn; wait" % program,), needs=[])
    def test_listens_on_loopback_only(chapter):
        checks.listens_on_loopback_only(chapter.serve("0"))
        checks.default_port(chapter, 7890)
        checks.takes_ipv6(chapter)

    @grading.graded(5, "Ends with exit status 1 if it cannot start",
                    cause="What bind() returns is not looked at, or main() returns 0 after that.", read="Your turn",
                    by_hand=("./" + program, "timeout 0.5 ./%s; echo exit status $?" % program))
    def test_port_in_use(chapter):
        checks.port_in_use(chapter, checks.positional)

    @grading.graded(5, "Refuses what is no port or no address, with a usage line",
                    cause="atoi() and strtol() take 80x for 80 and an empty string for 0; what inet_pton() returns, "
                          "and argc, are to be looked at, too.",
                    read="Your turn", needs=[],
                    by_hand=("timeout 0.5 ./%s ''; for words in 99999 80x '0 127.0.0.256' '0 ::1 surplus'; do "
                             "timeout 0.5 ./%s $words; done; echo exit status $?" % (program, program),))
    @pytest.mark.parametrize("arguments", checks.WRONG_PORTS + checks.WRONG_ADDRESSES)
    def test_wrong_usage(chapter, arguments):
        checks.is_usage_error(chapter.run(*arguments, limit=3), arguments[-1])

    return test_says_where_it_listens, test_listens_on_loopback_only, test_port_in_use, test_wrong_usage
