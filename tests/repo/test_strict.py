"""The stricter checks of `make check`: compilers, analysers, and a fuzzer on chapter 7's parser."""

import os
import shutil
import subprocess

import pytest

from grade import growth
from repo.repository import FLAGS, PROGRAMS, path, sources, whole

pytestmark = pytest.mark.strict

# clang-tidy's checks: what finds bugs, less what would be noise here, each with its reason.
TIDY = ",".join([
    "-*", "bugprone-*", "cert-*", "clang-analyzer-*", "misc-*", "performance-*", "portability-*",
    "-bugprone-easily-swappable-parameters",  # (size_t size, int status) is no mistake
    "-bugprone-narrowing-conversions",        # -Wconversion holds those
    "-bugprone-reserved-identifier,-cert-dcl37-c,-cert-dcl51-cpp",  # _POSIX_C_SOURCE has to be
    "-bugprone-assignment-in-if-condition",   # if ((n = read(...)) < 0) is C's idiom
    "-cert-err33-c",                          # would have printf() checked, too
    "-cert-err34-c",                          # atoi() on names of /dev/fd: they are numbers
    "-clang-analyzer-valist.Uninitialized",   # clang-tidy 14 sees it where va_start() stands
    "-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling",  # wants memset_s()
    "-clang-analyzer-security.insecureAPI.strcpy",
])


def run(command, folder=None):
    """Run a command; return its status and all that it said."""
    done = subprocess.run(command, cwd=folder, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


@pytest.mark.parametrize("compiler", ["gcc", "clang", "musl-gcc"])
@pytest.mark.parametrize("chapter", PROGRAMS)
def test_builds_without_a_warning(chapter, compiler, tool, tmp_path):
    folder = whole(chapter, tmp_path)
    files = [name for name in growth.sources(folder) if name.endswith(".c")]
    command = [tool(compiler), *FLAGS.split(), "-Werror", *files, "-o", str(tmp_path / "program")]
    assert run(command, folder) == (0, "")


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_cppcheck_finds_nothing(chapter, tool, tmp_path):
    command = [tool("cppcheck"), "--quiet", "--std=c11", "--error-exitcode=1", "--inline-suppr",
               "--enable=warning,performance,portability", whole(chapter, tmp_path)]
    assert run(command) == (0, "")


@pytest.mark.parametrize("chapter", PROGRAMS)
def test_clang_tidy_finds_nothing(chapter, tool, tmp_path):
    files = [name for name in sources(chapter) if name.endswith(".c")]
    command = [tool("clang-tidy"), "--quiet", "--warnings-as-errors=*", "--checks=" + TIDY,
               *files, "--", *FLAGS.split()]
    status, said = run(command, whole(chapter, tmp_path))
    assert status == 0, said


def test_formatted_by_clang_format(tool):
    files = [path(chapter, name) for chapter in PROGRAMS for name in sources(chapter)]
    assert run([tool("clang-format"), "--dry-run", "-Werror", *files]) == (0, "")


def test_fuzzing_the_request_parser(tool, tmp_path, request):
    chapter = "07-tinyweb"
    fuzzer = str(tmp_path / "fuzz_request")
    status, said = run([tool("clang"), "-g", "-O1", "-fsanitize=fuzzer,address,undefined",
                        "-fno-sanitize-recover=undefined", "-I", path(chapter),
                        path("tests", "repo", "fuzz", "fuzz_request.c"),
                        *(path(chapter, name) for name in ("errors.c", "reader.c", "request.c", "target.c")),
                        "-o", fuzzer])
    if "libclang_rt" in said and not request.config.getoption("--need-tools"):
        pytest.skip("clang's runtime for fuzzing is not installed (Debian: libclang-rt-dev)")
    assert status == 0, said

    # The corpus that is kept grows by hand: what a run finds new goes into a copy.
    corpus = tmp_path / "corpus"
    shutil.copytree(path("tests", "repo", "fuzz", "corpus"), corpus)
    seconds = os.environ.get("LAB_FUZZ_SECONDS", "60")
    status, said = run([fuzzer, "-max_total_time=" + seconds, "-max_len=20000", "-timeout=5",
                        "-dict=" + path("tests", "repo", "fuzz", "http.dict"),
                        "-artifact_prefix=" + str(tmp_path) + "/", str(corpus)], tmp_path)
    assert status == 0, said[-4000:]
