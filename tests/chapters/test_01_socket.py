"""01-socket: one socket, and the table of what the kernel knows of it."""

import errno
import re
import socket
import subprocess
import sys

import pytest

from harness import checks, steps
from harness.grading import Symptom, graded
from harness.program import how_it_ended

CHAPTER = "01-socket"

FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6, "unix": socket.AF_UNIX}
TYPES = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM, "raw": socket.SOCK_RAW,
         "seqpacket": socket.SOCK_SEQPACKET}
PROTOCOLS = {0: "default", socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}
ROWS = ["descriptor", "family", "type", "protocol", "local", "remote"]
FAILURE = (  # what checks.is_failure() says, for a Symptom
    r"and is:\n\(nothing\)", r"and is:\n.+\n.+", r"and is:\n(?!.*\(\w+\)$)", r"strerror\(\)'s text",
    r"and is:\nsocket: ", "it prints on stdout")
NOTHING, TWO_LINES, NO_SYMBOL, NO_TEXT, OTHER_SYMBOL, ON_STDOUT = FAILURE


def table(descriptor, family, type, protocol):
    """The table as it should be, with these values."""
    values = descriptor, family, type, protocol, "none yet", "none yet"
    return "".join("%-12s%s\n" % row for row in zip(ROWS, values))


def rows(program):
    """The rows that the program has printed, (name, value) pairs, however they are spaced and spelt: what looks at
    that is a check of its own."""
    found = re.findall(r"^\W*(%s)\b[^\w\n]*(.*?)\W*$" % "|".join(ROWS), program.output, re.MULTILINE | re.IGNORECASE)
    return [(name.lower(), value) for name, value in found]


def row(program, name):
    """What a row of the table that the program has printed says."""
    assert program.status == 0, "it did not print a table, but ended with %s; stderr:\n%s" % (
        how_it_ended(program.status), program.stderr or "(nothing)")
    values = dict(rows(program))
    assert name in values, "there is no row %s; stdout:\n%s" % (name, program.output or "(nothing)")
    return values[name]


def name_of(number, names):
    """The name that a dictionary of names has for a number, or else "other"."""
    return next((name for name, value in names.items() if value == number), "other")


def kernels_answer(family, type):
    """What the kernel makes of such a wish: a type, a protocol, and no error; or the error's symbol."""
    try:
        with socket.socket(FAMILIES[family], TYPES[type], 0) as ours:
            protocol = 0  # where the system does not tell, as macOS
            if hasattr(socket, "SO_PROTOCOL"):
                protocol = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)
            return (name_of(ours.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), TYPES),
                    PROTOCOLS.get(protocol, "other"), None)
    except OSError as failure:
        return None, None, errno.errorcode[failure.errno]


@graded(4, "Starts, prints a table, and ends with exit status 0",
        cause=[
            Symptom("ENOTCONN", "ENOTCONN is the answer that we expect of getpeername(), for there is no other end yet: "
                                "it is no failure."),
            Symptom("no row", "There is no line yet that begins with `descriptor`: call socket(), and printf() what it "
                              "returns."),
            "main() does not end with `return 0`, or the result of a call that succeeds is taken for a failure."],
        read="The program",
        by_hand=("./socket; echo exit status $?",))
def test_starts(chapter):
    program = chapter.run()
    assert program.status == 0, "%s, not exit status 0; stderr:\n%s" % (
        how_it_ended(program.status), program.stderr or "(nothing)")
    row(program, "descriptor")


@graded(2, "Ends by itself, without waiting for input",
        cause="It waits for input, as getchar() does: main() is to return once the table is printed.",
        read="Try it",
        by_hand=("sleep 10 | timeout 1 ./socket > /dev/null; echo exit status ${PIPESTATUS[1]}",))
def test_ends_by_itself(chapter):
    chapter.start(stdin=subprocess.PIPE).wait()  # which stays open, as a terminal does


@graded(6, "Prints the rows in their order, names padded to 12 columns, and nothing else",
        cause=[
            Symptom("stderr should be empty", "Something is printed on stderr though nothing has failed: a line that was "
                                              "of use while you wrote it, perhaps."),
            Symptom(r"\\t", "A tab is not so many spaces: printf(\"%-12s\", name) pads with spaces."),
            Symptom("has no end", "The last line lacks its \\n."),
            "Names are in small letters, without a colon, and are padded with spaces to 12 columns, as "
            "printf(\"%-12s%s\\n\", name, value) does it; nothing stands before, between or behind the six rows."],
        read="Try it",
        by_hand=("./socket | cat -A",))
def test_prints_the_rows_in_order(chapter):
    program = chapter.run()
    values = dict(rows(program))
    lines = ["%-12s%s" % (name, values[name]) for name in ROWS if name in values]  # one that is missing has its check
    assert program.output.splitlines() == lines
    assert program.output.endswith("\n"), "the last line has no end, \\n"
    assert program.stderr == "", "stderr should be empty, and has:\n" + program.stderr


@graded(6, "Creates one socket, and prints the descriptor that it got",
        cause=[
            Symptom("socket\\(\\) failing", "socket() is called a second time: one socket is asked for, and tells all "
                                            "that the table needs."),
            "It prints a number of its own, such as 3, which is only the usual one: the kernel gives the lowest that is "
            "free, and socket() returns it."],
        read="The idea",
        by_hand=("./socket 3< /dev/null; strace -qq -o /dev/null -e inject=socket:error=EMFILE:when=2+ ./socket",))
@pytest.mark.parametrize("case", ["the number", "one socket"])
def test_the_descriptor_is_the_kernels(chapter, faults, case):
    """With 3 to 5 taken, the lowest free descriptor is 6."""
    if case == "the number":
        take_three = ["sh", "-c", 'exec "$0" "$@" 3</dev/null 4</dev/null 5</dev/null']
        steps.step("with the descriptors 3, 4 and 5 taken:")
        assert row(chapter.run(under=take_three), "descriptor") == "6"
    else:
        steps.step("with a second call of socket() failing, EMFILE:")
        row(chapter.run(under=faults("socket:error=EMFILE:when=2+")), "descriptor")


def failing(chapter, faults, call, symbol, when=""):
    """The program, which has run while this call of its failed."""
    steps.step("with %s() failing, %s:" % (call, symbol))
    return chapter.run(under=faults("%s:error=%s%s" % (call, symbol, when)))


@graded(4, "Ends with exit status 1 if the kernel refuses",
        cause=[
            Symptom("exit status 0", "socket() has returned -1, and main() returns 0 all the same: its result is not looked "
                                     "at, or the message is no end."),
            "socket() has returned -1, and main() returns errno or the -1, and not 1."],
        read="The program",
        by_hand=("strace -qq -o /dev/null -e inject=socket:error=ESOCKTNOSUPPORT ./socket; echo exit status $?",))
def test_a_failure_is_exit_status_1(chapter, faults):
    program = failing(chapter, faults, "socket", "ESOCKTNOSUPPORT")
    assert program.status == 1, "%s, not exit status 1; stderr:\n%s" % (
        how_it_ended(program.status), program.stderr or "(nothing)")


@graded(8, "Says what failed and why, in one line on stderr",
        cause=[
            Symptom(NOTHING, "There is no message on stderr: is it on stdout? It takes fprintf(stderr, ...).",
                    ("strace -qq -o /dev/null -e inject=socket:error=ESOCKTNOSUPPORT ./socket 2> /dev/null",)),
            Symptom(TWO_LINES, "There is more than one line: the program goes on after the first message, with a "
                               "descriptor of -1, or prints its usage, too."),
            Symptom(NO_TEXT, "The text between the last colon and the symbol is not strerror()'s for this error: errno is "
                             "what it takes."),
            Symptom(NO_SYMBOL, "perror() and strerror() give no symbol such as ESOCKTNOSUPPORT: print the name, in "
                               "brackets, after the text."),
            Symptom(OTHER_SYMBOL, "It is another error's symbol: errno is that of a later call, such as getsockopt() or "
                                  "close() with a descriptor of -1; or the table of symbols lacks this one."),
            Symptom(ON_STDOUT, "Something was printed on stdout before socket() was called, or looked at."),
            Symptom("and is:", "The line begins with the program's name, `socket: `, and tells what failed and why.")],
        read="The program",
        by_hand=("for error in ESOCKTNOSUPPORT EPROTONOSUPPORT; do "
                 "strace -qq -o /dev/null -e inject=socket:error=$error ./socket; done",),
        needs=["test_a_failure_is_exit_status_1"], step=2)
@pytest.mark.parametrize("symbol", ["ESOCKTNOSUPPORT", "EPROTONOSUPPORT"])
def test_says_what_failed(chapter, faults, symbol):
    checks.is_failure(chapter, failing(chapter, faults, "socket", symbol), symbol)


@graded(4, "Names the other errors that socket() may have",
        cause=[Symptom("should be one line", "The table of symbols lacks one that socket(2) lists under ERRORS.")],
        read="What can go wrong",
        by_hand=("for error in EMFILE ENFILE ENOBUFS ENOMEM EACCES; do "
                 "strace -qq -o /dev/null -e inject=socket:error=$error ./socket; done",),
        needs=["test_says_what_failed"], step=2)
@pytest.mark.parametrize("symbol", ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EACCES"])
def test_names_the_error(chapter, faults, symbol):
    checks.is_failure(chapter, failing(chapter, faults, "socket", symbol), symbol)


# strace(1) can change what a call answers. @arg4 is where getsockopt() writes: a type, or protocol, of number 99.
UNKNOWN = "getsockopt:poke_exit=@arg4=" + (99).to_bytes(4, sys.byteorder).hex()
UNKNOWN_BY_HAND = "strace -qq -o /dev/null -e inject=%s ./socket" % UNKNOWN


@graded(6, "Prints the type that the kernel tells",
        cause=[
            Symptom("no row", "The row `type` is missing."),
            Symptom("got: +'other'", "No type was told: set `length` to the size of your variable before getsockopt()."),
            Symptom("number 99", "It prints the type that was asked for, and not the one that getsockopt() has for SO_TYPE, "
                                 "or `other` if that has no name here."),
            "It is not SOCK_STREAM that socket() gets, or SO_TYPE that getsockopt() gets."],
        read="The program",
        by_hand=("./socket; " + UNKNOWN_BY_HAND,),
        step=3)
@pytest.mark.parametrize("type", ["stream", "other"])
def test_prints_the_kernels_type(chapter, faults, type):
    if type == "other":
        steps.step("with getsockopt() telling a type of number 99, which has no name:")
        assert row(chapter.run(under=faults(UNKNOWN)), "type") == "other"
    else:
        assert row(chapter.run(), "type") == type


@graded(6, "Prints the protocol that the kernel tells",
        cause=[
            Symptom("no row", "The row `protocol` is missing."),
            Symptom("number 99", "The protocol is a fixed word, or concluded from the type, and not asked for with getsockopt() "
                                 "and SO_PROTOCOL; or a number without a name is not told as `other`."),
            "`length` was not set before it asked for SO_PROTOCOL, another option was asked for, or _DEFAULT_SOURCE is "
            "missing."],
        read="The program",
        by_hand=("./socket; " + UNKNOWN_BY_HAND,),
        step=3)
@pytest.mark.parametrize("protocol", ["tcp", "other"])
def test_prints_the_kernels_protocol(chapter, faults, protocol):
    if protocol == "other":
        steps.step("with getsockopt() telling a protocol of number 99, which has no name:")
        assert row(chapter.run(under=faults(UNKNOWN)), "protocol") == "other"
    else:
        assert row(chapter.run(), "protocol") == kernels_answer("inet", "stream")[1]


QUESTION_FAILS = [  # what is told of a program that does not mind it
    Symptom(ON_STDOUT, "Rows were printed before the last question was answered: ask first, with getsockopt(), "
                       "getsockname() and getpeername(), then print."),
    Symptom("exit status 0", "The call's result is not looked at, or it is not called at all. Of getpeername() only "
                             "ENOTCONN means `none yet`; all else is a failure."),
    "The message on stderr is not as for socket(): call the same function of yours."]


@graded(4, "If getsockopt() fails: says so, prints no row, and exits 1",
        cause=QUESTION_FAILS,
        read="The program",
        by_hand=("for call in getsockopt getsockopt:when=2; do "
                 "strace -qq -o /dev/null -e inject=$call:error=ENOBUFS ./socket; done",),
        needs=["test_says_what_failed", "test_prints_the_kernels_type", "test_prints_the_kernels_protocol"], step=3)
@pytest.mark.parametrize("number", [1, 2])
def test_getsockopt_that_fails(chapter, faults, number):
    checks.is_failure(chapter, failing(chapter, faults, "getsockopt", "ENOBUFS", ":when=%d" % number), r"\w+")


@graded(4, "Prints the family",
        cause=[
            Symptom("no row", "The row `family` is missing."),
            Symptom("got: +'(inet6|unix)'", "It is not AF_INET that socket() gets."),
            "No family was told: set `length` to the size of your variable before getsockname(), and look at ss_family."],
        read="The program",
        by_hand=("./socket",),
        step=4)
def test_prints_the_family(chapter):
    assert row(chapter.run(), "family") == "inet"


@graded(4, "Says `none yet` for both addresses",
        cause=[
            Symptom("no row", "The row `local` or `remote` is missing."),
            Symptom(r"got: .*[(,] ?'(?!none yet'|set')", "The words are `none yet` and `set`."),
            "A family alone is not yet an address: of a struct filled with zeros, getsockname() has set no more than that."],
        read="Look underneath",
        by_hand=("./socket",),
        step=4)
def test_has_no_address_yet(chapter):
    program = chapter.run()
    assert (row(program, "local"), row(program, "remote")) == ("none yet", "none yet")


def local(family, rest):
    """What has getsockname() tell an address: these bytes, in hex, after the family, and their number."""
    address, size = int(family).to_bytes(2, sys.byteorder).hex() + rest, 2 + len(rest) // 2
    return "getsockname:poke_exit=@arg2=%s,@arg3=%s" % (address, size.to_bytes(4, sys.byteorder).hex())


@graded(6, "Says `set` where the kernel has an address",
        cause=[
            Symptom("getpeername", "`remote` is not getpeername()'s answer: if it returns 0, there is an address."),
            "`local` is not getsockname()'s answer: an address is set if any byte after its family is not 0."],
        read="The program",
        by_hand=("strace -qq -o /dev/null -e inject=getpeername:retval=0 ./socket; "
                 "for address in 02001ed2 020000007f000001; do "
                 "strace -qq -o /dev/null -e inject=getsockname:poke_exit=@arg2=$address ./socket; done",),
        needs=["test_has_no_address_yet"], step=4)
@pytest.mark.parametrize("name,address,answer", [
    ("remote", "of its client", "getpeername:retval=0"),
    ("local", "0.0.0.0 port 7890", local(socket.AF_INET, "1ed2" + "00" * 12)),
    ("local", "127.0.0.1 port 0", local(socket.AF_INET, "00007f000001" + "00" * 8))])
def test_says_that_an_address_is_set(chapter, faults, name, address, answer):
    steps.step("with %s() telling that the %s address is %s:" % (answer.partition(":")[0], name, address))
    assert row(chapter.run(under=faults(answer)), name) == "set"


@graded(4, "If getsockname() or getpeername() fails: says so, prints no row, and exits 1",
        cause=QUESTION_FAILS,
        read="The program",
        by_hand=("for call in getsockname getpeername; do "
                 "strace -qq -o /dev/null -e inject=$call:error=ENOBUFS ./socket; done",),
        needs=["test_says_what_failed"], step=4)
@pytest.mark.parametrize("call", ["getsockname", "getpeername"])
def test_an_address_that_cannot_be_had(chapter, faults, call):
    checks.is_failure(chapter, failing(chapter, faults, call, "ENOBUFS"), r"\w+")


@graded(6, "Takes each FAMILY by its name, and inet if there is none",
        cause=[
            Symptom("EPROTONOSUPPORT", "The protocol, socket()'s third argument, is to be 0: IPPROTO_TCP does not go with "
                                       "every family."),
            Symptom("usage:", "A family is missing: there are inet, inet6 and unix, and without an argument inet."),
            "The first argument is not looked at as a whole, or a family has another's AF_ constant."],
        read="The program",
        by_hand=("./socket; for family in inet inet6 unix; do ./socket $family stream; done",),
        needs=["test_prints_the_family"], step=5)
@pytest.mark.parametrize("arguments,family", [([], "inet"), *(([family, "stream"], family) for family in FAMILIES)])
def test_takes_each_family(chapter, arguments, family):
    if family == "inet6":
        checks.needs_ipv6()
    assert row(chapter.run(*arguments), "family") == family


@graded(6, "Takes each TYPE by its name, and stream if there is none",
        cause=[
            Symptom("killed by SIG(SEGV|BUS)", "Without a TYPE argv[2] is NULL, and strcmp() reads what it points to: look at "
                                               "argc first."),
            Symptom("usage:", "A type is missing, or looked for in the wrong argument: TYPE is the second one."),
            "The second argument is not looked at, or socket() is called with SOCK_STREAM whatever it says."],
        read="The program",
        by_hand=("./socket inet; ./socket inet stream; ./socket inet dgram; ./socket unix; ./socket unix seqpacket; "
                 "./socket unix raw",),
        needs=["test_prints_the_kernels_type"], step=5)
@pytest.mark.parametrize("arguments,type", [
    (["inet"], "stream"), (["inet", "stream"], "stream"), (["inet", "dgram"], "dgram"),
    (["unix"], "stream"), (["unix", "seqpacket"], "seqpacket"), (["unix", "raw"], "raw")])
def test_takes_each_type(chapter, arguments, type):
    real_type = kernels_answer(arguments[0], type)[0]  # of raw it may make another one
    if real_type is None:
        pytest.skip("this kernel has no %s %s" % (arguments[0], type))
    assert row(chapter.run(*arguments), "type") == real_type


@graded(3, "Prints the protocol of each family and type",
        cause="0 is to be `default`, 6 `tcp` and 17 `udp`: IPPROTO_TCP and IPPROTO_UDP stand for the last two.",
        read="The program",
        by_hand=("./socket inet stream; ./socket inet dgram; ./socket unix stream",),
        needs=["test_prints_the_kernels_protocol", "test_takes_each_family", "test_takes_each_type"], step=5)
@pytest.mark.parametrize("family,type", [("inet", "stream"), ("inet", "dgram"), ("unix", "stream")])
def test_every_protocol(chapter, family, type):
    assert row(chapter.run(family, type), "protocol") == kernels_answer(family, type)[1]


@graded(3, "Tells `none yet` from `set` in every family",
        cause=[
            Symptom("got: +'set'", "A family alone is not yet an address, in no family."),
            "Only a part of the address was looked at: those of IPv6 and of Unix sockets are longer."],
        read="The program",
        by_hand=("./socket inet6; ./socket unix; strace -qq -o /dev/null "
                 "-e inject=getsockname:poke_exit=@arg2=0a00$(printf %044d 1) ./socket inet6",),
        needs=["test_says_that_an_address_is_set", "test_takes_each_family"], step=5)
@pytest.mark.parametrize("family,address,answer", [
    ("inet6", None, None), ("unix", None, None),
    ("inet6", "::1 port 0", local(socket.AF_INET6, "00" * 21 + "01" + "00" * 4)),
    ("unix", "the abstract name x", local(socket.AF_UNIX, "0078"))])
def test_addresses_of_every_family(chapter, request, family, address, answer):
    if family == "inet6":
        checks.needs_ipv6()
    if address:
        under = request.getfixturevalue("faults")(answer)
        steps.step("with getsockname() telling that the local address is %s:" % address)
        assert row(chapter.run(family, "stream", under=under), "local") == "set"
    else:
        program = chapter.run(family, "stream")
        assert row(program, "local") == "none yet"
        assert row(program, "remote") == "none yet"


@graded(5, "Refuses unknown words, with a usage line and exit status 2",
        cause=[
            Symptom("it prints on stdout|no line usage.*\\n\\(nothing", "The message, or the usage line, is on stdout: what is "
                    "wrong belongs on stderr."),
            Symptom("killed by", "A long word runs over the end of a fixed array: print the argument itself, or as much of "
                                 "it as snprintf() lets in."),
            Symptom("exit status [01], not exit status 2; stderr:\n.", "A message came, and then another exit status: for "
                    "wrong usage it is 2."),
            Symptom("not exit status 2", "A word that is in no list falls back to the default: compare the arguments with "
                                         "each name, and refuse what is none."),
            Symptom("no line usage", "A line that begins with `usage: ` is missing."),
            Symptom("does not repeat .*%d", "The word was printf()'s format, in which a % has a meaning, and not its argument "
                    "for %s."),
            Symptom("does not repeat", "The message has to repeat the word as it was given.")],
        read="Your turn",
        by_hand=("./socket inet4; echo exit status $?; ./socket local; ./socket inet tcp; echo exit status $?; "
                 "./socket %d; ./socket $(seq -s inet 50); ./socket inet4 2> /dev/null",),
        needs=[], step=5)
@pytest.mark.parametrize("arguments,bad", [
    (["inet4"], "inet4"), (["stream"], "stream"), (["2"], "2"), (["local"], "local"), (["inet", "tcp"], "tcp"),
    (["inet", "inet6"], "inet6"), (["inet", "1"], "1"), (["%d"], "%d"), (["inet" * 50], "inet" * 50)])
def test_unknown_word(chapter, arguments, bad):
    checks.is_usage_error(chapter.run(*arguments), bad)


@graded(3, "Takes no capitals, no half a word and no empty word",
        cause="strcasecmp() takes INET for inet, and strncmp() with the length of the argument takes ine, and even "
              "nothing at all: strcmp() compares as it should.",
        read="Your turn",
        by_hand=("for word in INET ine ''; do ./socket \"$word\"; echo exit status $?; done",),
        needs=["test_unknown_word"], step=5)
@pytest.mark.parametrize("arguments,bad", [
    (["INET"], "INET"), (["ine"], "ine"), ([""], ""), (["inet", "streams"], "streams"), (["unix", ""], "")])
def test_almost_a_word(chapter, arguments, bad):
    checks.is_usage_error(chapter.run(*arguments), bad)


@graded(2, "Refuses a third argument",
        cause=[
            Symptom("exit status 1", "One word too many is wrong usage like any other: a message, the usage line and exit "
                                     "status 2."),
            "argc is not looked at, so whatever comes after TYPE is passed over in silence."],
        read="Your turn",
        by_hand=("./socket inet stream tcp; echo exit status $?",),
        needs=["test_unknown_word"], step=5)
def test_third_argument(chapter):
    checks.is_usage_error(chapter.run("inet", "stream", "tcp"), "tcp")


@graded(4, "Fails if its output cannot be written",
        cause=[
            Symptom("SIGPIPE", "With stdout closed the socket gets its number, 1, and printf()'s bytes go into the socket, "
                               "which SIGPIPE tells you. If descriptor 1 is not open, or socket() returns it, there is no "
                               "stdout: a failure.", ("./socket >&-; echo exit status $?",)),
            Symptom("stdout closed", "With stdout closed the socket gets its number, 1. If descriptor 1 is not open, or "
                                     "socket() returns it, there is no stdout: a failure.",
                    ("./socket >&-; echo exit status $?",)),
            "printf() only fills a buffer: whether it went out is known when the result of fflush(stdout) or "
            "fclose(stdout) is looked at."],
        read="The program",
        by_hand=("./socket > /dev/full; echo exit status $?",),
        needs=["test_says_what_failed"], step=6)
@pytest.mark.parametrize("stdout", ["full", "closed"])
def test_full_disk(chapter, stdout):
    """Output that got lost is a failure, though it is noticed only when the buffer is written."""
    (checks.full_disk if stdout == "full" else checks.closed_stdout)(chapter)


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_kernel_decides(chapter, family, type):
    """For each family and type: the table that the kernel's answers give, or the kernel's error."""
    real_type, protocol, error = kernels_answer(family, type)
    program = chapter.run(family, type)
    if error:
        checks.is_failure(chapter, program, error)
    else:
        assert (program.status, program.stderr) == (0, "")
        assert program.output == table(3, family, real_type, protocol)


@pytest.mark.parametrize("arguments,family", [([], "inet"), (["inet"], "inet"), (["unix"], "unix")])
def test_defaults(chapter, arguments, family):
    program = chapter.run(*arguments)
    assert program.output == table(3, family, "stream", kernels_answer(family, "stream")[1])
