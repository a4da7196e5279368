"""01-socket: one socket, and the table of what the kernel knows of it."""

import errno
import socket

import pytest

from harness import checks, steps
from harness.grading import graded

CHAPTER = "01-socket"

FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6, "unix": socket.AF_UNIX}
TYPES = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM, "raw": socket.SOCK_RAW,
         "seqpacket": socket.SOCK_SEQPACKET}
PROTOCOLS = {0: "default", socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}
ROWS = ["descriptor  ", "family      ", "type        ", "protocol    ", "local       ", "remote      "]


def table(descriptor, family, type, protocol):
    """The table as it should be, with these values."""
    values = descriptor, family, type, protocol, "none yet", "none yet"
    return "".join("%s%s\n" % row for row in zip(ROWS, values))


def row(program, name):
    """What a row of the table that the program has printed says; None if there is no such row."""
    assert program.status == 0, "it did not print a table:\n" + program.stderr
    return {line[:12].rstrip(): line[12:] for line in program.output.splitlines()}.get(name)


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


@graded(15, "Starts, and prints the six rows of the table",
        cause="A row is missing, or its name is not padded with spaces to 12 columns; or an answer that is "
              "no failure, such as ENOTCONN from getpeername(), was taken for one.",
        read="Your turn",
        by_hand=("./socket",))
def test_prints_six_rows(chapter):
    program = chapter.run()
    assert (program.status, program.stderr) == (0, "")
    assert [line[:12] for line in program.output.split("\n")] == [*ROWS, ""]


@graded(8, "Takes each FAMILY by its name, and inet if there is none",
        cause="The first argument is not looked at, or a family is missing or has another's AF_ constant; if "
              "it says `other`, `length` was not set before getsockname().",
        read="The program",
        by_hand=("./socket; ./socket inet; ./socket inet6; ./socket unix",))
@pytest.mark.parametrize("arguments,family", [([], "inet"), *(([family], family) for family in FAMILIES)])
def test_takes_each_family(chapter, arguments, family):
    if family == "inet6":
        checks.needs_ipv6()
    assert row(chapter.run(*arguments), "family") == family


@graded(8, "Takes each TYPE by its name, and stream if there is none",
        cause="The second argument is not looked at, or socket() is called with SOCK_STREAM whatever it "
              "says; if it says `other`, `length` was not set before getsockopt().",
        read="The program",
        by_hand=("./socket inet; ./socket inet stream; ./socket inet dgram; ./socket unix seqpacket",),
        needs=["test_takes_each_family"])
@pytest.mark.parametrize("arguments,type", [
    (["inet"], "stream"), (["inet", "stream"], "stream"), (["inet", "dgram"], "dgram"),
    (["unix", "seqpacket"], "seqpacket")])
def test_takes_each_type(chapter, arguments, type):
    if kernels_answer(arguments[0], type)[0] != type:
        pytest.skip("this kernel has no %s %s" % (arguments[0], type))
    assert row(chapter.run(*arguments), "type") == type


@graded(9, "Prints the type that the kernel tells",
        cause="It prints the type that was asked for, and not the one that getsockopt() has for SO_TYPE.",
        read="Try it",
        by_hand=("./socket unix raw",),
        needs=["test_takes_each_type"])
def test_prints_the_kernels_type(chapter):
    real_type = kernels_answer("unix", "raw")[0]
    if real_type is None:
        pytest.skip("this kernel has no raw Unix sockets")
    assert row(chapter.run("unix", "raw"), "type") == real_type


@graded(9, "Prints the protocol that the kernel tells",
        cause="It prints a fixed protocol; has no name for 0 (default), 6 (tcp) or 17 (udp); did not set "
              "`length` before it asked for SO_PROTOCOL; or _DEFAULT_SOURCE is missing.",
        read="The program",
        by_hand=("./socket; ./socket inet dgram; ./socket unix",),
        needs=["test_takes_each_type"])
@pytest.mark.parametrize("family,type", [("inet", "stream"), ("inet", "dgram"), ("unix", "stream")])
def test_prints_the_kernels_protocol(chapter, family, type):
    assert row(chapter.run(family, type), "protocol") == kernels_answer(family, type)[1]


@graded(8, "Prints the descriptor that socket() returned",
        cause="It prints 3, which is only the usual number: the kernel gives the lowest that is free.",
        read="The idea",
        by_hand=("./socket 3< /dev/null",))
def test_the_descriptor_is_the_kernels(chapter):
    """With 3 to 5 taken, the lowest free descriptor is 6."""
    take_three = ["sh", "-c", 'exec "$0" "$@" 3</dev/null 4</dev/null 5</dev/null']
    assert row(chapter.run(under=take_three), "descriptor") == "6"


@graded(5, "Says `none yet` for both addresses, in every family",
        cause="A family alone is not yet an address: of a struct filled with zeros, getsockname() has set "
              "no more than that.",
        read="Look underneath",
        by_hand=("./socket; ./socket inet6; ./socket unix",),
        needs=["test_takes_each_family"])
@pytest.mark.parametrize("family", FAMILIES)
def test_has_no_address_yet(chapter, family):
    if family == "inet6":
        checks.needs_ipv6()
    program = chapter.run(family)
    assert row(program, "local") == "none yet"
    assert row(program, "remote") == "none yet"


@graded(6, "Ends with exit status 1 if the kernel refuses",
        cause="socket() has returned -1, and main() returns 0 all the same, or errno, or it goes on with "
              "the -1.",
        read="The program",
        by_hand=("./socket inet seqpacket; echo exit status $?",),
        needs=["test_takes_each_type"])
def test_a_failure_is_exit_status_1(chapter):
    assert chapter.run("inet", "seqpacket").status == 1


@graded(10, "Says what failed and why, in one line on stderr",
        cause="perror() gives no symbol such as ESOCKTNOSUPPORT, or the table of symbols lacks it; errno is "
              "that of a later call, such as getsockopt() on a descriptor of -1; or something was printed "
              "on stdout before the call.",
        read="The program",
        by_hand=("./socket inet seqpacket; ./socket inet raw 2> /dev/null",),
        needs=["test_a_failure_is_exit_status_1"])
@pytest.mark.parametrize("family,type", [("inet", "seqpacket"), ("inet", "raw"), ("inet6", "seqpacket")])
def test_says_what_failed(chapter, family, type):
    symbol = kernels_answer(family, type)[2]
    if symbol is None:
        pytest.skip("this kernel allows %s %s" % (family, type))
    checks.is_failure(chapter, chapter.run(family, type), symbol)


@graded(5, "Names other errors, also of other calls",
        cause="The table of symbols lacks one that socket(2) lists under ERRORS; or rows were printed before "
              "getsockopt() was asked, and its result was not looked at.",
        read="What can go wrong",
        by_hand=("for error in EMFILE ENFILE ENOBUFS EACCES; do "
                 "strace -qq -o /dev/null -e inject=socket:error=$error ./socket; done; "
                 "strace -qq -o /dev/null -e inject=getsockopt:error=ENOBUFS ./socket",),
        needs=["test_says_what_failed"])
@pytest.mark.parametrize("call,symbol", [
    *(("socket", symbol) for symbol in ("EMFILE", "ENFILE", "ENOBUFS", "EACCES")), ("getsockopt", "ENOBUFS")])
def test_names_the_error(chapter, faults, call, symbol):
    steps.step("with %s() failing, %s:" % (call, symbol))
    program = chapter.run("inet", "stream", under=faults("%s:error=%s" % (call, symbol)))
    checks.is_failure(chapter, program, symbol)


def test_prints_nothing_if_the_last_question_fails(chapter, faults):
    checks.is_failure(chapter, chapter.run(under=faults("getpeername:error=ENOBUFS")), "ENOBUFS")


@graded(6, "Fails if its output cannot be written",
        cause="printf() only fills a buffer: whether it went out is known when fflush(stdout) or "
              "fclose(stdout) is looked at.",
        read="The program",
        by_hand=("./socket > /dev/full; echo exit status $?",),
        needs=["test_says_what_failed"])
def test_full_disk(chapter):
    """Output that got lost is a failure, though it is noticed only when the buffer is written."""
    checks.full_disk(chapter)


@graded(6, "Refuses unknown words, with a usage line and exit status 2",
        cause="A word that is in no list falls back to the default; or the message lacks the word (is it "
              "printf()'s format?), is on stdout, or exits 1.",
        read="Your turn",
        by_hand=("./socket inet4; echo exit status $?; ./socket inet tcp; echo exit status $?; "
                 "./socket %d; ./socket $(seq -s inet 50); ./socket inet4 2> /dev/null",))
@pytest.mark.parametrize("arguments,bad", [
    (["inet4"], "inet4"), (["stream"], "stream"), (["inet", "tcp"], "tcp"), (["inet", "inet6"], "inet6"),
    (["%d"], "%d"), (["inet" * 50], "inet" * 50)])
def test_unknown_word(chapter, arguments, bad):
    checks.is_usage_error(chapter.run(*arguments), bad)


@graded(3, "Takes no capitals, no half a word and no empty word",
        cause="strcasecmp() takes INET for inet, and strncmp() with the length of the argument takes ine, "
              "and even nothing at all.",
        read="Your turn",
        by_hand=("for word in INET ine ''; do ./socket \"$word\"; echo exit status $?; done",),
        needs=["test_unknown_word"])
@pytest.mark.parametrize("arguments,bad", [
    (["INET"], "INET"), (["ine"], "ine"), ([""], ""), (["inet", "streams"], "streams"), (["unix", ""], "")])
def test_almost_a_word(chapter, arguments, bad):
    checks.is_usage_error(chapter.run(*arguments), bad)


@graded(2, "Refuses a third argument",
        cause="argc is not looked at, so whatever comes after TYPE is passed over in silence.",
        read="Your turn",
        by_hand=("./socket inet stream tcp; echo exit status $?",),
        needs=["test_unknown_word"])
def test_third_argument(chapter):
    checks.is_usage_error(chapter.run("inet", "stream", "tcp"), "tcp")


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
