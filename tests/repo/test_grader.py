"""The grader's verdicts: what is the program's fault, what is the grader's, and what is neither."""

import ast
import glob
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import types

import pytest

from grade import report, run
from grade import results as model
from harness import checks, listening, steps
from harness.build import build
from harness.inspect import children
from harness.program import Program, Server, readable, wait_until
from harness.talk import connect
from harness.tampering import Preloading
from repo.repository import path

pytestmark = pytest.mark.strict  # takes long, and is for whoever changes the grader

CHAPTER = "04-send-recv"


@pytest.fixture
def folder(tmp_path):
    """A copy of chapter 4's folder, to be spoilt."""
    tmp_path.chmod(0o755)
    return shutil.copytree(path(CHAPTER), tmp_path / CHAPTER)


def grade(folder, *only, chapter=CHAPTER):
    """Grade a folder as this chapter; return the results."""
    return run.grade_chapter(sys.executable, chapter, str(folder), str(folder.parent / "results.json"), 1, only)


def replace(folder, file, old, new):
    """Edit a file: `old`, which is there once, becomes `new`."""
    text = (folder / file).read_text()
    assert text.count(old) == 1
    (folder / file).write_text(text.replace(old, new))


LISTENER = "    int listener = socket("


@pytest.mark.parametrize("compiler,file,before,crash,function", [
    ("gcc", "send-recv.c", "        if (printf(\"bytes", "if (received == 255) *(volatile int *)0 = 1;", "serve_client"),
    ("gcc", "listener.c", LISTENER, "__builtin_abort();", "open_listener"),
    ("gcc", "listener.c", LISTENER, "*(volatile int *)0 = 1;", "open_listener"),
    ("clang", "listener.c", LISTENER, "*(volatile int *)0 = 1;", "open_listener")])
def test_a_crash_is_told_with_the_line_of_the_source(folder, tool, compiler, file, before, crash, function):
    replace(folder, "Makefile", "$(CC)", tool(compiler))
    replace(folder, file, before, crash + "\n" + before)
    check = grade(folder, "test_a_mebibyte_in_pieces")["checks"][0]
    number = (folder / file).read_text()[:(folder / file).read_text().index(crash)].count("\n") + 1
    assert check["verdict"] == model.FAILED
    assert "The server crashed: killed by SIG" in check["message"]
    assert "%s() at %s:%d" % (function, file, number) in check["crash"]
    assert "memory" in check["cause"]


@pytest.mark.parametrize("end,told,cause", [
    ("return 3;", "has ended: exit status 3; stderr: (nothing)", "before it listens"),
    ("return usage(\"this\", \"takes no arguments\");", "has ended: exit status 2", "refuses arguments"),
    ("pause();", "it listens nowhere", "waits for something else first")])
def test_a_server_that_never_listens_is_told_as_that(folder, end, told, cause):
    replace(folder, "send-recv.c", "    const char *port_text", "    if (argc > 1) { %s }\n    const char *port_text" % end)
    check = grade(folder)["checks"][0]
    assert told in check["message"] and cause in check["cause"]


def test_a_full_disk_is_not_the_programs_fault(folder, tmp_path, monkeypatch):
    replace(folder, "io.c", "size_t size)", "size_t size")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=0))
    with pytest.raises(OSError, match="No space left"):
        build(str(folder), str(tmp_path / "target" / CHAPTER))


def test_a_program_that_does_not_compile_is_told_as_the_compiler_says_it(folder):
    replace(folder, "io.c", "size_t size)", "size_t size")
    results = grade(folder)
    first = results["checks"][0]
    assert first["verdict"] == model.FAILED
    assert "io.c:" in first["message"] and "error:" in first["message"]
    assert "first error" in first["cause"]
    assert {check["verdict"] for check in results["checks"][1:]} == {model.NOT_CHECKED}
    assert model.earned(results) == 0


def test_a_line_that_stays_in_the_buffer_is_told_as_that(folder):
    (folder / "send-recv.c").write_text(re.sub(r".*setvbuf.*\n", "", (folder / "send-recv.c").read_text()))
    check = grade(folder, "test_prints_where_each_client_comes_from")["checks"][0]
    assert check["verdict"] == model.FAILED and "setvbuf" in check["cause"]


def test_a_build_without_an_end_is_told_as_that(folder, monkeypatch):
    monkeypatch.setenv("LAB_TIME_SCALE", "0.05")
    (folder / "Makefile").write_text("send-recv:\n\tsleep 1000\n")
    check = grade(folder)["checks"][0]
    assert "the build did not end" in check["message"] and "never comes to an end" in check["cause"]


def test_what_is_no_file_is_left_out_and_named_if_the_build_fails(folder):
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(folder)  # such a name may be too long
        listener.bind("socket")
    os.chdir(path())
    (folder / "io.c").rename(folder.parent / "io.c")
    (folder / "io.c").symlink_to("../io.c")
    message = grade(folder, "test_greets_the_client")["checks"][0]["message"]
    assert "not to be had here: io.c (a link that leads out of the folder), pipe (a FIFO), socket (a socket)" in message
    (folder / "io.c").unlink()
    (folder.parent / "io.c").rename(folder / "io.c")
    assert grade(folder, "test_greets_the_client")["checks"][0]["verdict"] == model.PASSED


def test_a_name_that_make_cannot_take_is_told(folder):
    (folder / "old copy.c").write_text("")
    first = grade(folder, "test_greets_the_client")["checks"][0]
    assert "old copy.c" in first["message"] and "space" in first["cause"]


def test_a_folder_without_a_program_is_the_learners_to_fill(folder):
    shutil.rmtree(folder)
    folder.mkdir()
    first = grade(folder)["checks"][0]
    assert first["verdict"] == model.FAILED
    assert "make" in first["message"]


def grade_and_kill(folder):
    """Grade a folder with a grader that is killed after three checks; return the results."""
    results = {}
    others = set(children(os.getpid()))
    grading = threading.Thread(target=lambda: results.update(grade(folder)))
    grading.start()

    def halfway():
        now = model.load(str(folder.parent / "results.json"))
        return now and now.get("checks") and now["checks"][2]["verdict"] == model.PASSED

    wait_until(halfway, 30, "three checks to be made")
    for pid in set(children(os.getpid())) - others:
        os.kill(pid, signal.SIGKILL)
    grading.join()
    return results


@pytest.mark.strict
def test_a_grader_that_is_killed_goes_on_where_it_was(folder):
    results = grade_and_kill(folder)
    assert model.earned(results) == model.total(results) == 100
    assert {check["verdict"] for check in results["checks"]} == {model.PASSED}


def test_what_ended_its_grader_is_counted_from_run_to_run(folder):
    path = str(folder.parent / "results.json")
    for counts, expected in (True, 1), (False, 1), (True, 2):
        results = run.begin(CHAPTER, str(folder), path, 1)
        results["checks"] = [{"name": "test_greets_the_client", "verdict": model.RUNNING}]
        if not counts:  # Ctrl-C
            model.cut_off(results, counts=False)
        model.save(path, results)
        results = run.begin(CHAPTER, str(folder), path, 1)
        assert results["cut off"] == {"test_greets_the_client": expected}
    model.save(path, {**results, "complete": True})
    assert not run.begin(CHAPTER, str(folder), path, 1).get("cut off")


def test_trouble_of_the_graders_own_costs_no_points(folder, monkeypatch):
    monkeypatch.setattr(run, "ATTEMPTS", 1)  # so that it cannot go on
    results = grade_and_kill(folder)
    assert model.earned(results) == model.total(results) == 100
    assert {check["verdict"] for check in results["checks"]} == {model.PASSED, model.GRADER_ERROR}
    assert "not your fault" in report.tell(results, colours=False)


@pytest.mark.parametrize("spoil", [
    lambda folder: (folder / "send-recv.c").write_text("#include <signal.h>\nint main(void) { return raise(40); }\n"),
    lambda folder: (folder / "Makefile").write_text("send-recv:\n\techo '#!/no/such' > $@; chmod +x $@\n"),
    lambda folder: (folder / "Makefile").write_text("send-recv:\n\techo text > $@; chmod +x $@\n"),
    lambda folder: replace(folder, "send-recv.c", "    const char *port_text", "    unlink(argv[0]);\n    const char *port_text"),
    lambda folder: (folder / "send-recv").mkdir(),
], ids=["signal 40", "no interpreter", "no program", "removes itself", "a folder in its place"])
def test_what_a_program_does_is_never_the_graders_fault(folder, spoil):
    if (folder / "send-recv").exists():
        (folder / "send-recv").unlink()
    spoil(folder)
    results = grade(folder, "test_greets_the_client", "test_a_mebibyte_in_pieces")
    assert model.earned(results) < model.total(results), report.tell(results, everything=True)
    assert not model.had_trouble(results), report.tell(results, everything=True)


@pytest.mark.strict
def test_a_sanitizer_in_the_learners_makefile_costs_nothing(folder):
    replace(folder, "Makefile", "-O2 -g", "-O1 -g -fsanitize=address")
    results = grade(folder, "test_greets_the_client", "test_random_faults")
    assert [check["verdict"] for check in results["checks"]] == [model.PASSED] * 2, report.tell(results, everything=True)


@pytest.mark.strict
def test_what_the_checks_write_can_be_read_by_the_program(tmp_path):
    tmp_path.chmod(0o755)
    folder = shutil.copytree(path("07-tinyweb"), tmp_path / "07-tinyweb")
    before = os.umask(0o077)
    try:
        results = grade(folder, "test_serves_a_page", chapter="07-tinyweb")
    finally:
        os.umask(before)
    assert [check["verdict"] for check in results["checks"]] == [model.PASSED], report.tell(results, everything=True)


def test_a_line_counts_once_it_is_whole():
    program = Program(["sh", "-c", "printf 'port 5'; sleep 0.1; echo 1743; exec sleep 9"])
    try:
        assert program.wait_for_output(r"^port (\d+)$").group(1) == "51743"
    finally:
        program.kill()


LISTENS = """
import os, signal, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
%s
signal.pause()
"""
SAYS = "print('%s'.format(*listener.getsockname()), flush=True)"


@pytest.mark.parametrize("does", [
    SAYS % "Listening on {} port {}", SAYS % "listening on {}:{}.", SAYS % "listening on {}, port {}",
    SAYS % "listening on port {1}", SAYS % "listening on 1.0.0.127 port 10", "print('late')",
    "os.fork() and signal.pause()"])
def test_a_server_is_found_whatever_it_says_of_where_it_listens(does):
    server = Server([sys.executable, "-c", LISTENS % does])
    try:
        server.find()
        connect(server).close()
        with pytest.raises(AssertionError):
            checks.says_where_it_listens(server)
    finally:
        server.kill()


def test_a_server_that_says_where_it_listens_is_found_at_once():
    server = Server([sys.executable, "-c", LISTENS % (SAYS % "listening on {} port {}")])
    try:
        server.find()
        checks.says_where_it_listens(server)
        assert listening.kernel(server.pid) == [(server.address, server.port)]
    finally:
        server.kill()


@pytest.mark.parametrize("told,words", [
    (steps.command(["./dns-lookup", "0" * 100000, "80"]), "./dns-lookup 00000000000000000000... (100,000 characters) 80"),
    (steps.circumstances(["sh", "-c", 'exec "$0" "$@" > /dev/full'], ["./accept", "0"]), "./accept 0 > /dev/full"),
    (steps.circumstances(["/usr/bin/strace", "-f", "-e", "inject=listen:error=EIO"], ["./accept"]),
     "strace -e inject=listen:error=EIO ./accept"),
    (steps.circumstances(["unshare", "--map-root-user", "--net"], ["./client", "192.0.2.1"]),
     "./client 192.0.2.1, in a network of its own"),
    (steps.show(b"hello\n"), "'hello\\n'"),
    (steps.show(bytes(3000)), "3,000 times '\\x00'"),
    (steps.show(random.Random(1).getrandbits(8 * 4096).to_bytes(4096, "big")), "4,096 bytes that are no text"),
    (steps.show(b"GET / HTTP/1.0\r\n" * 9)[:24], "144 bytes: 'GET / HTTP/1"),
    (readable(r"^[^:]+: .+: .+ \(ECONNRESET\)$"), "PROGRAM: ...: ... (ECONNRESET)"),
    (readable(r"\Alistening on \S+ port (\d+)$"), "listening on WORD port N")])
def test_what_happened_is_told_in_a_learners_words(told, words):
    assert told == words


def test_the_client_that_got_no_answer_is_named(folder):
    replace(folder, "send-recv.c", "        if (received == 0)", "        if (visitor == 2)\n            pause();\n        if (received == 0)")
    check = grade(folder, "test_one_client_after_another")["checks"][0]
    assert check["message"].startswith("client 2 waits in vain for what the program should send: timed out after ")
    assert not any(step.startswith("client 2 waits in vain") for step in check["steps"])


def asserts(*folders):
    """The assert statements of what is graded, and of what that calls, with where they are."""
    for file in sorted(file for folder in folders for file in glob.glob(os.path.join(folder, "*.py"))):
        with open(file) as source:
            tree = ast.parse(source.read())
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and (
                    not function.name.startswith("test_") or "graded" in "".join(map(ast.dump, function.decorator_list))):
                yield from (("%s:%d" % (os.path.basename(file), node.lineno), node) for node in ast.walk(function)
                            if isinstance(node, ast.Assert))


def test_no_failure_is_told_in_pythons_words():
    """Two values that are not equal are told as `expected` and `got`; whatever else fails has words of its own."""
    without = [where for where, node in asserts(os.path.join(run.TESTS, "chapters"), os.path.join(run.TESTS, "harness"))
               if not node.msg and not (isinstance(node.test, ast.Compare) and [type(op) for op in node.test.ops] == [ast.Eq])]
    assert without == []


@pytest.mark.strict
def test_nothing_is_told_of_a_check_before(folder):
    """Servers of ours stay open after a failure, so that it is told as it was; they are ended with that check."""
    other = shutil.copytree(path("05-client"), folder.parent / "05-client")
    replace(other, "client.c", "return result < 0 ? 1 : 0;", "return 0;")
    failed = [check for check in grade(other, chapter="05-client")["checks"] if check["verdict"] == model.FAILED]
    assert len(failed) > 1
    for check in failed:
        assert not re.match("the test's server|client", check["steps"][0]), check["steps"]


def shuts_libraries_out(folder, how):
    """Have a program let no library be preloaded: it is static, or starts itself anew."""
    if how == "static" and subprocess.run(["cc", "-static", "-xc", "-", "-o", str(folder / "try")], stderr=subprocess.DEVNULL,
                                          input=b"int main(void){return 0;}").returncode != 0:
        pytest.skip("needs a static libc")
    if how == "static":
        replace(folder, "Makefile", "$(LDFLAGS)", "-static")
    else:
        replace(folder, folder.name[3:] + ".c", "\n    setvbuf(stdout", """
    if (getenv("LD_PRELOAD") != NULL) {
        unsetenv("LD_PRELOAD");
        execv("/proc/self/exe", argv);
    }
    setvbuf(stdout""")
        (folder / "errors.h").write_text("#define _GNU_SOURCE\n#include <stdlib.h>\n#include <unistd.h>\n"
                                         + (folder / "errors.h").read_text())


@pytest.mark.strict
@pytest.mark.parametrize("how", ["static", "anew"])
def test_who_lets_no_library_be_preloaded_meets_faults_all_the_same(folder, tool, how):
    tool("strace")
    shuts_libraries_out(folder, how)
    assert [check["verdict"] for check in grade(folder, "test_random_faults")["checks"]] == [model.PASSED]
    replace(folder, "send-recv.c", "&& errno == EINTR", "&& errno == EIO")
    check = grade(folder, "test_random_faults")["checks"][0]
    assert check["verdict"] == model.FAILED and "(EINTR)" in check["message"]


@pytest.mark.strict
@pytest.mark.parametrize("chapter,name", [
    ("05-client", "test_a_signal_during_connect_ends_nothing"),
    ("08-fork-server", "test_sigterm_right_before_the_wait_is_noticed")])
def test_what_can_be_seen_by_preloading_alone_is_not_given_to_who_lets_none_in(tmp_path, chapter, name):
    tmp_path.chmod(0o755)
    folder = shutil.copytree(path(chapter), tmp_path / chapter)
    shuts_libraries_out(folder, "static")
    check = grade(folder, name, chapter=chapter)["checks"][0]
    assert check["verdict"] == model.FAILED
    assert "lets no library be preloaded" in check["message"] and "-static" in check["cause"]


def test_where_nothing_can_be_preloaded_that_is_no_programs_fault(libraries, tmp_path):
    def start(env):
        return Program([libraries.control()], env={**env, "LD_PRELOAD": ""})

    with pytest.raises(pytest.skip.Exception, match="cannot be preloaded here"):
        Preloading(libraries, tmp_path, start)(start, {"LAB_FAULTS_AT_CONNECT": "success"})


def test_closed_descriptors_do_not_save_a_program_from_a_check(folder):
    replace(folder, "send-recv.c", "    for (unsigned long visitors", "    close(0);\n    for (unsigned long visitors")
    check = grade(folder, "test_lack_of_descriptors_is_survived_without_spinning")["checks"][0]
    assert check["verdict"] == model.FAILED and "close only what you have opened" in check["cause"]


# 15 is SO_REUSEPORT, which the headers hide from C11.
@pytest.mark.parametrize("options,verdict", [
    ("SO_REUSEADDR | 15", model.PASSED), ("SO_KEEPALIVE", model.PASSED), ("SO_REUSEADDR", model.PASSED),
    ("SO_REUSEADDR, &on, sizeof on), (SO_BROADCAST", model.FAILED)])
def test_a_mistake_about_an_option_is_one_failure(tmp_path, options, verdict):
    tmp_path.chmod(0o755)
    folder = shutil.copytree(path("02-bind-listen"), tmp_path / "02-bind-listen")
    replace(folder, "listener.c", "SOL_SOCKET, SO_REUSEADDR, &on", "SOL_SOCKET, %s, &on" % options)
    check = grade(folder, "test_names_the_call_that_fails", chapter="02-bind-listen")["checks"][0]
    assert check["verdict"] == verdict, check


@pytest.mark.strict
def test_a_daemon_whose_parent_is_late_to_end_is_right(tmp_path):
    tmp_path.chmod(0o755)
    folder = shutil.copytree(path("09-daemon"), tmp_path / "09-daemon")
    replace(folder, "detach.c", "        _exit(0);\n    umask", "        sleep(2), _exit(0);\n    umask")
    results = grade(folder, "test_leaves_its_session_folder_and_umask", chapter="09-daemon")
    assert [(check["verdict"], check["message"]) for check in results["checks"]] == [(model.PASSED, "")]


def test_what_came_is_told_however_long_it_is(folder, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    replace(folder, "send-recv.c", "connection %lu from %s", "connection %lu from %s " + 400 * "x")
    message = grade(folder, "test_prints_where_each_client_comes_from")["checks"][0]["message"]
    assert "expected:" in message and "got:" in message and "truncated" not in message
    assert message.count(400 * "x") == 1


def test_the_seed_repeats_a_run(libraries, folder):
    program = ("import socket; here, there = socket.socketpair(); there.sendall(bytes(90000));"
               " print([len(here.recv(1000)) for _ in range(30)])")

    def counts(seed):
        return subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.PIPE,
                              env={"LD_PRELOAD": libraries("faults"), "LAB_FAULTS": str(seed)}).stdout

    assert counts(1) == counts(1) != counts(2)
    replace(folder, "io.c", "errno != EINTR", "errno == EINTR")
    check = grade(folder, "test_random_faults")["checks"][0]
    assert check["verdict"] == model.FAILED
    assert check["steps"][0] == "at random, calls are interrupted, do a part, or fail (seed 1):"
