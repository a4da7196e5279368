"""7a-listing: shows a folder without index.html as a page of links, and serves files as chapter 7 does."""

import contextlib
import os
import random
import resource
import signal
import socket
import subprocess
import time

import pytest

from harness import checks, http_checks, listings
from harness.compare import difference, identical
from harness.grading import Symptom, graded
from harness.http_checks import FILES, PAGE, answers, brings, redirects
from harness.http_requests import lines
from harness.inspect import descriptors, memory
from harness.listings import decoded, follow, names, page_of, split
from harness.program import seconds
from harness.talk import connect_with_small_buffers, exchange, get, receive, receive_all, send_until_stuck
from harness.users import PublicFolder, ordinary_user, set_limit

CHAPTER = "7a-listing"
MANY = 10000
PLAIN = ["a.txt", "b", "c-d_e.html", "f0"]
D = "http://127.0.0.1:8080/d/"

COUNT = "curl -s --max-time 30 %s | grep -o 'href\\|more' | sort | uniq -c" % D


def by_hand(make, *look):
    """Commands that make names in the folder webroot/d, and look at its page."""
    return ("./listing > /dev/null", "mkdir -p webroot/d; (cd webroot/d; %s); %s; rm -r webroot/d" % (
        make, "; ".join(look) or "curl -s " + D))


@pytest.fixture
def server(chapter, root):
    return chapter.serve("-p", "0", root)


@pytest.fixture
def folder(root):
    """An empty folder, which the server shows at /no-index/."""
    return root / "no-index"


def fill(folder, names):
    """Make a file of each name, which holds its name; one that ends in a slash is a folder. Those that this file system
    does not take are left out. Return the names that are there, in bytes."""
    made = []
    for name in map(os.fsencode, names):
        path = os.path.join(os.fsencode(folder), name)
        with contextlib.suppress(OSError):
            if name.endswith(b"/"):
                os.mkdir(path)
            else:
                with open(path, "wb") as file:
                    file.write(name)
            made.append(name)
    return made


def shows(server, target, expected):
    """The page of a folder has links to these names, in any order."""
    shown, expected = names(server, target), [os.fsencode(name).rstrip(b"/").decode("utf-8", "backslashreplace") for name in expected]
    missing, more = sorted(set(expected) - set(shown)), sorted(set(shown) - set(expected))
    assert not missing, "the page of %s has no link to: %s" % (target, ", ".join(missing[:5]))
    assert not more, "the page of %s has a link to what is not to be shown: %s" % (target, ", ".join(more[:5]))


# ---- 7a.1

@graded(15, "Shows a folder without index.html: a page with a link to each file",
        cause=[
            Symptom("with HTTP/1.0 404", "Without index.html openat() fails with ENOENT, and now that is no 404 yet: open the folder "
                    "itself, and fdopendir() and readdir() read its names."),
            Symptom("with HTTP/1.0 [35]|no answer", "The folder is open, and no file: what reads it is fdopendir() and readdir(). read() "
                    "fails with EISDIR."),
            Symptom("is not text/html", "The page is HTML, and its Content-Type says so: text/html; charset=utf-8."),
            Symptom("Content-Length", "Content-Length counts the bytes of the page: make all of it first, in memory, with "
                    "open_memstream(), and then send the head."),
            Symptom("leads elsewhere|leads to another|the link .* answered", "In the page of /d/ the link to the file f is <a href=\"f\">: a browser "
                    "puts it behind the page's own path."),
            "A page has <a href=\"NAME\">NAME</a> for each name that readdir() returns, until it returns NULL."],
        read="The program", by_hand=by_hand("echo hello > a.txt; echo > b", "curl -si " + D, "curl -si %sa.txt" % D))
def test_shows_a_folder(folder, server):
    fill(folder, PLAIN)
    shows(server, "/no-index/", PLAIN)
    for name, link in split(server, "/no-index/")[0].items():
        identical(follow(server, link).body, name)
    (folder / "new").write_bytes(b"a new one")
    (folder / "b").unlink()
    shows(server, "/no-index/", {*PLAIN, "new"} - {"b"})


@graded(5, "Leaves out the names that begin with a dot",
        cause="readdir() returns . and .. too, in every folder, and whoever calls a file .secret wants it to be hidden: leave out each "
              "name whose first byte is a dot.",
        read="The program", by_hand=by_hand("touch .secret ..two ... a..b"))
def test_dot_files(folder, server):
    shows(server, "/no-index/", [])
    fill(folder, [".secret", "..two", "...", "a..b", "a."])
    shows(server, "/no-index/", ["a..b", "a."])


@graded(5, "Answers HEAD with the same headers and no body, and with those that all answers have",
        cause=[Symptom("HEAD was answered with a body|no empty line", "HEAD gets the head, with the length of the page, and nothing behind it."),
               Symptom("did not come on stdout", "The log tells the bytes of the page, without its head; after HEAD that is 0.", (
                   "./listing & sleep 0.3; mkdir -p webroot/d; touch webroot/d/a; curl -s " + D + " > /dev/null; curl -sI " + D + " > /dev/null; sleep 0.1; rm -r webroot/d; kill $!",)),
               Symptom("other headers", "HEAD is to tell how long the page would be: make it all the same, and do not send it."),
               "The page goes out behind a head like that of all answers: Date, Server, Connection, Content-Type, Content-Length."],
        read="Your turn", by_hand=by_hand("touch a", r"printf 'HEAD /d/ HTTP/1.0\r\n\r\n' | nc 127.0.0.1 8080", "curl -si " + D))
def test_head(folder, server):
    fill(folder, PLAIN)
    page = http_checks.is_well_formed(exchange(server, lines("GET /no-index/ HTTP/1.0")))
    http_checks.same_head(server, "/no-index/", page)
    server.wait_for_output(r'^127.0.0.1 port \d+ "GET /no-index/ HTTP/1.0" 200 %d$' % len(page.body))
    server.wait_for_output(r'^127.0.0.1 port \d+ "HEAD /no-index/ HTTP/1.0" 200 0$')


@graded(10, "Serves files, index.html, redirections and errors as before",
        cause=[
            Symptom("not with 301|header Location", "A folder without its slash is still 301: only with the slash do the links of its page lead "
                    "into it.", by_hand("touch a", "curl -sI http://127.0.0.1:8080/d | grep -E 'HTTP|Location'")),
            Symptom("not with 404", "What is not there is 404, also with a slash behind it: the folder cannot be opened either then.",
                    by_hand("touch a", "for t in missing missing/ d/a/; do curl -sI http://127.0.0.1:8080/$t | head -1; done")),
            Symptom("not with 403", "An index.html that is there and is no file is 403: only ENOENT says that there is none. And a part .. of "
                    "the path is 403 always.",
                    by_hand("mkdir index.html e; ln -s /etc/passwd e/index.html", "curl -sI %s | head -1; curl -sI %se/ | head -1" % (D, D),
                            "curl -sI --path-as-is http://127.0.0.1:8080/d/../ | head -1")),
            "Where there is an index.html it is the folder's page, and its bytes are sent as they are."],
        read="Your turn", by_hand=by_hand("echo my page > index.html; touch a", "curl -s " + D))
def test_old_promises(root, folder, server):
    for target, name in ("/", "index.html"), ("/sub/", "sub/index.html"), ("/sub/deep/file.txt", "sub/deep/file.txt"), ("/a", "a"):
        brings(server, target, FILES[name])
    for target in "/no-index", "/no-index?x=y", "//no-index":
        redirects(server, target, "/no-index/" + target.partition("?")[1] + target.partition("?")[2])
    for target in "/missing", "/missing/", "/a/", "/no-index/x/", "/no-index/index.html":
        answers(server, lines("GET %s HTTP/1.0" % target), 404)
    for target in "/../", "/no-index/..", "/no-index/../", "/no-index/%2e%2e/":
        answers(server, lines("GET %s HTTP/1.0" % target), 403)
    (folder / "index.html").mkdir()
    answers(server, lines("GET /no-index/ HTTP/1.0"), 403)
    (folder / "index.html").rmdir()
    (folder / "index.html").symlink_to("../../secret.txt")
    answers(server, lines("GET /no-index/ HTTP/1.0"), 403)
    (folder / "index.html").unlink()
    (folder / "index.html").write_bytes(PAGE)
    brings(server, "/no-index/", PAGE)


@graded(5, "Answers 403 where a folder may not be read",
        cause="Where open() or openat() fails with EACCES, for the folder or for the index.html in it, the answer is 403, and the next client "
              "is served.",
        read="What can go wrong", by_hand=("unshare -r setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all ./listing",
                                           "mkdir -p webroot/d; chmod 0 webroot/d; curl -sI %s | head -1; rmdir webroot/d" % D))
def test_a_folder_that_may_not_be_read(chapter):
    with PublicFolder() as public:
        root = http_checks.fill_webroot(public.path / "webroot")
        fill(root / "no-index", PLAIN)
        chapter.program = public.copy(chapter.program)
        server = chapter.serve("-p", "0", root, **ordinary_user())
        shows(server, "/no-index/", PLAIN)
        for mode in 0, 0o311, 0o644:
            (root / "no-index").chmod(mode)
            answers(server, lines("GET /no-index/ HTTP/1.0"), 403)
        (root / "no-index").chmod(0o755)
        shows(server, "/no-index/", PLAIN)


@graded(5, "Leaks no descriptor and no memory",
        cause=[Symptom("memory", "What open_memstream() and malloc() gave goes to free(), once the page is sent, and after HEAD, too.",
                       ("./listing > /dev/null & p=$!; sleep 0.3; mkdir -p webroot/d; touch webroot/d/$(printf %0200d 0){1..50}; curl -s " + D + "?[1-50] > /dev/null; "
                        "before=$(awk '/^RssAnon/ {print $2}' /proc/$p/status); curl -s " + D + "?[1-300] > /dev/null; echo grown by "
                        "$((($(awk '/^RssAnon/ {print $2}' /proc/$p/status) - before) / 1000)) MB; rm -r webroot/d; kill $p",)),
               "closedir() closes what fdopendir() was given, and has to be called on every way out."],
        read="The program", by_hand=("./listing > /dev/null & p=$!; sleep 0.3; ls /proc/$p/fd | wc -l; mkdir -p webroot/d; for i in 1 2 3; do curl -s " + D +
                                     " > /dev/null; curl -sI " + D + " > /dev/null; done; sleep 0.1; ls /proc/$p/fd | wc -l; rm -r webroot/d; kill $p",))
def test_leaks_nothing(chapter, root, folder):
    server = chapter.serve("-p", "0", root, env={**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=1"})
    fill(folder, ["%0200d" % number for number in range(50)])
    requests = [lines(method + " /no-index/ HTTP/1.0") for method in ("GET", "HEAD")]
    for _ in range(50):
        exchange(server, requests[0])
    before, open_before = memory(server.pid), len(descriptors(server.pid))
    for number in range(300):
        exchange(server, requests[number % 2])
    grown, more = memory(server.pid) - before, checks.more_descriptors(server, open_before)
    assert more <= 0, "after 300 pages it has %d descriptors more" % more
    assert grown < 500 * 1024, "after 300 pages it takes %d KiB more memory" % (grown >> 10)


# ---- 7a.2

@graded(5, "Sorts the names by their bytes", step=2,
        cause=[
            Symptom("with HTTP/1.0 [45]", "NULL of readdir() is an error only if errno says so, and errno keeps what an earlier call has left there: "
                    "make it 0 before each readdir()."),
            Symptom("letters beyond ASCII", "strcmp() takes bytes for numbers from 0 to 255, and so is the order; a char may be less than 0. "
                    "strcoll() asks for the language.", by_hand("touch z é A b a", "curl -s %s | grep -o '<a.*'" % D)),
            Symptom("names where one is a folder", "A folder has its place by its name alone: its slash comes behind that when all is sorted.",
                    by_hand("mkdir a; touch a-b a.b a0", "curl -s %s | grep -o '<a.*'" % D)),
            "readdir() returns names in no order at all: keep them, and qsort() with strcmp() sorts them."],
        read="The program", by_hand=by_hand("touch 10 9 B a _ ab Z a.b c A", "curl -s %s | grep -o '<a.*'" % D))
def test_sorted(folder, server):
    def are_sorted(made, what):
        fill(folder, made)
        shown, expected = names(server, "/no-index/"), sorted(os.listdir(os.fsencode(folder)))
        expected = [name.decode() for name in expected]
        assert shown == expected, "\n".join(["names %s:" % what] + difference(shown, expected))

    plain = ["10", "9", "B", "Z", "_", "a", "ab", "b", "A", "aa", "Ab", "bb", "0", "x1", "x10", "x2"]
    random.Random(7).shuffle(plain)
    are_sorted(plain, "of files")
    are_sorted(["d/", "d-e", "d.e", "d0", "c/", "e/"], "where one is a folder")
    are_sorted(["\u00e9", "z", "\u00e9a", "\u4e2d"], "with letters beyond ASCII")


@graded(5, "Puts a slash behind a folder, and a link to the folder above on every page but the first", step=2,
        cause=[
            Symptom("folder above|leads elsewhere", "The page of a folder below the webroot has a link to ../, and that of the webroot has none: nothing is above it.",
                    by_hand("mkdir e", "curl -s %s | grep '[.][.]/'" % D, "rm -r webroot; mkdir -p webroot/d; for t in / //; do curl -s http://127.0.0.1:8080$t | grep '[.][.]'; done")),
            Symptom("is a link to a folder", "Of a symbolic link it counts what it leads to: fstatat() follows it, d_type and lstat() do not.",
                    by_hand("mkdir e; ln -s e f")),
            "fstatat() with dirfd() tells which names are folders. Their href and their text end in a slash, and then no link needs a redirection."],
        read="The program", by_hand=by_hand("mkdir e; touch f"))
def test_slashes(root, folder, server):
    fill(folder, ["file", "folder/"])
    (folder / "link").symlink_to("folder")
    (folder / "other").symlink_to("file")
    (root / "index.html").unlink()
    for target, above in ("/", 0), ("//", 0), ("/no-index/", 1), ("/sub/deep/", 1), ("/no-index/folder/", 1):
        shown, up = split(server, target)
        assert len(up) == above, "the page of %s has %d links to the folder above" % (target, len(up))
        for name, link in shown.items():
            path = os.path.join(os.fsencode(root), decoded(target)[1:], name)
            what = "%s, which is %s%s" % (name.decode(), "a link to " * os.path.islink(path.rstrip(b"/")), "a folder" if os.path.isdir(path) else "a file")
            slashes = link.target.endswith("/"), link.text.strip().endswith("/")
            assert slashes == (os.path.isdir(path),) * 2, "the page of %s has the link %r, with the text %r, to %s" % (target, link.href, link.text, what)
    for link in split(server, "/no-index/")[1]:
        follow(server, link)


ODD = ["a b", " a ", "a&b", "a&amp;b", "50%", "a%41", "%2e%2e", "a?b", "a#b", "a+b", "a\"b", "a'b", "a<b>", "a:b", "http:", "javascript:1", "a\\b",
       "a;b=c", "a*!$,(b)", "[1]", "{a|b}^`", "~a-b_c.d", "a\nb", "a\tb", "\x01\x7f", "gr\u00fcn", b"\xff\xfe\x80", "@", "a&b <c>\"'#?%.txt", "x" * 255, "%" * 85]
URL = r"[\w.~!$&'()*+,;=:@%/?-]*"  # the characters of a URL's path and query


@graded(10, "Encodes each name in its link, so that it leads to its file", step=2,
        cause=[
            Symptom("leads to another place", "What stands before the first colon is taken for a scheme, such as http: a colon becomes %3A. And a "
                    "link that begins with // leads to another host.", by_hand("touch a:b", "curl -s %s | grep -a href" % D, "curl -s --path-as-is http://127.0.0.1:8080//d/ | grep -a href")),
            Symptom("is no URL's", "A URL has no such byte: it becomes %XX there, with two hex digits.", by_hand("touch 'a b' 'a\"b' 'a<b' $'\\xff' $'a\\nb'", "curl -s %s | grep -a href" % D)),
            "Each byte of a name becomes %XX but letters, digits, and - . _ ~. So does %, or it would begin an escape; ? and # would end the path; "
            "+ is no space. %02X takes an unsigned char: a char may be less than 0."],
        read="The program", by_hand=by_hand("touch '50%' 'a%41' 'a?b' 'a#b' 'a b' é", "curl -s %s | grep -a href" % D))
def test_encodes_names(folder, server):
    expected = fill(folder, ODD)
    fill(folder, ["d&\"<e>: #?/"])
    fill(folder / "d&\"<e>: #?", ["below"])
    page = page_of(server, "/no-index/")
    for href, _ in page.links:
        wrong = href.encode("utf-8", "surrogateescape").translate(None, bytes(range(33, 127)).translate(None, b'"<>\\^`{|}#'))
        assert not wrong, "the href %r has a byte that is no URL's: 0x%02x" % (href, wrong[0])
    shown = split(server, "/no-index/", page)[0]
    for name in expected:
        assert name in shown, "no link leads to the file %r" % name.decode("utf-8", "backslashreplace")
        identical(follow(server, shown[name]).body, name)
    below = shown[b"d&\"<e>: #?/"].target
    for target in below, below.replace("/", "//"), below + "?a=b":
        link = split(server, target)[0][b"below"]
        identical(follow(server, link).body, b"below")


@graded(10, "Escapes each name in the page's text, so that a browser shows it as it is", step=2,
        cause=[
            Symptom("has a tag", "A name is text, and not HTML: < becomes &lt; or &#60;. Otherwise whoever may name a file may run a program in "
                    "the browser of whoever looks.", by_hand("touch '<blink>'; mkdir '<i>'", "curl -s " + D, "curl -s %s%%3Ci%%3E/" % D)),
            "In HTML's text & begins an entity, and < a tag: & becomes &amp; or &#38;, and it comes first. The text is the name, not its form "
            "in the URL."],
        read="The program", by_hand=by_hand("touch 'a&amp;b' 'a b' '&lt' '50%' 'é'"))
def test_escapes_names(folder, server):
    fill(folder, ["<blink>", "<marquee src=x>", "a&amp;b", "&lt", "&#60;", "a&b", "\"'", "'\">x", "50%", "a%20b", "gr\u00fcn", "\u4e2d", "a b", "]]>-->",
                  "<blink>&lt/"])
    pages = [page_of(server, target) for target in ("/no-index/", "/no-index/%3Cblink%3E&lt/")]
    for page in pages:
        brought = {"blink", "marquee"}.intersection(page.tags)
        assert not brought, "the page has a tag that a name brought: <%s>" % brought.pop()
    for name, link in split(server, "/no-index/", pages[0])[0].items():
        identical(" ".join(link.text.split()), name.decode())


# ---- 7a.3

@graded(10, "Shows no name that it would not serve", step=3,
        cause=[
            Symptom(r"not to be shown: .*\b(out|outside|passwd|slash|twin|dangling|circle)\b", "What would be answered with 403 or 404 is left out: a symbolic "
                    "link that leads out of the webroot, or to nothing. Ask as a GET does: open_beneath() finds out."),
            Symptom("not to be shown: .*bad", "The link to a folder is right if that would be answered with 200: not if its index.html is no "
                    "file.", by_hand("mkdir -p bad/index.html good", "curl -s %s | grep -o '<a.*'" % D, "curl -sI %sbad/ | head -1" % D)),
            Symptom("has no link to", "A symbolic link that leads to something inside is served, and so it is shown.", by_hand("touch a; ln -s a inside; ln -s ../d folder")),
            "A FIFO, a socket or a device is answered with 403: S_ISREG() and S_ISDIR() of fstatat()'s st_mode tell."],
        read="The program", by_hand=by_hand("touch a; mkfifo fifo; ln -s /etc/passwd outside; ln -s / slash; ln -s nothing dangling; ln -s circle circle"))
def test_only_what_is_served(root, folder, server, monkeypatch):
    good = fill(folder, ["file", "folder/", "page/"])
    (folder / "page" / "index.html").write_bytes(PAGE)
    (folder / "bad" / "index.html").mkdir(parents=True)
    for link, leads_to in {"inside": "file", "above": "../sub", "root": "..", "file2": "../a"}.items():
        (folder / link).symlink_to(leads_to)
    for link, leads_to in {"outside": "../../secret.txt", "passwd": "/etc/passwd", "slash": "/", "out": "../..", "twin": "../../webroot-twin",
                           "dangling": "nothing", "circle": "circle", "to-fifo": "fifo", "bad-link": "bad", "zero": "/dev/zero"}.items():
        (folder / link).symlink_to(leads_to)
    monkeypatch.chdir(str(folder))  # a socket's path must be short
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("socket")
        shows(server, "/no-index/", [*good, b"inside", b"above", b"root", b"file2"])
    for link in split(server, "/no-index/")[0].values():
        follow(server, link)


@graded(5, "Shows 10,000 names of a folder that has more, and says so", step=3, limit=60,
        cause=[
            Symptom("does not say", "A page that ends early without a word is taken for all there is: say that there are more, behind the list."),
            Symptom("says that there are more", "With 10,000 names nothing is missing: it takes one more to know that there are more."),
            "A folder may have millions of names: stop at 10,000, or the page, the memory and the time for it have no limit. "
            "All 10,000 are to be there."],
        read="Your turn", by_hand=by_hand("touch $(seq 10000)", COUNT, "touch webroot/d/x", COUNT))
def test_many_names(folder, server):
    fill(folder, ["%d" % number for number in range(MANY)])
    for more in False, True:
        page = page_of(server, "/no-index/")
        shown, _ = split(server, "/no-index/", page)
        assert len(shown) == MANY, "a folder of %s names has a page with %d" % ("more than 10,000" if more else "10,000", len(shown))
        if more:
            assert "more" in page.text, "the page of a folder of 10,020 names does not say that there are more"
        else:
            assert "more" not in page.text, "the page of a folder of 10,000 names says that there are more"
        fill(folder, ["%d" % (MANY + number) for number in range(20)])


@graded(5, "Sends all of a long page, also to a client that reads slowly", step=3,
        cause="send() may take a part, or be interrupted (EINTR): send_all() sends the rest. SO_SNDTIMEO is one second, as for a file, and "
              "send_all() counts a minute of these.",
        read="The program", by_hand=by_hand("touch $(printf '&%.0s' {1..200}){1..5000}", "curl -s --max-time 30 " + D + " | (sleep 3; wc -c)"))
def test_a_slow_client(folder, server):
    fill(folder, ["%0200d" % number for number in range(3000)])
    whole = exchange(server, lines("GET /no-index/ HTTP/1.0"))
    with connect_with_small_buffers(server) as client:
        send_until_stuck(client, lines("GET /no-index/ HTTP/1.0"))
        received = receive(client, 1000)
        checks.is_not_disturbed_by_stopping(server)
        received += receive_all(client)
    identical(received.partition(b"\r\n\r\n")[2], whole.partition(b"\r\n\r\n")[2])


@graded(5, "Answers 503 when descriptors run out, and never a page that lacks names", step=3,
        cause=[
            Symptom("has no link to", "Whether a name would be served nobody knows while openat() fails with EMFILE: without it the page looks whole, and is "
                    "not. Then the answer is 503."),
            Symptom("descriptors more", "Where the page is given up, what is open has to be closed, too: closedir() on this way out, as on all others.",
                    ("for n in 7 8 9; do (ulimit -n $n; exec ./listing > log 2>&1) & sleep 0.3; mkdir -p webroot/d/e/f; touch webroot/d/e/g; curl -s -m 2 %se/ > log; "
                     "sleep 0.1; ls /proc/$!/fd | wc -l; kill $!; wait $!; done 2> log; rm -r webroot/d log" % D,)),
            "EMFILE, ENFILE and ENOMEM mean 503, wherever they come from: a moment later there may be room."],
        read="What can go wrong", by_hand=("for n in 6 7 8 9; do (ulimit -n $n; exec ./listing > log 2>&1) & sleep 0.3; mkdir -p webroot/d/e/f; touch webroot/d/e/g; curl -s -m 2 "
                                           "%se/ | grep -o '<h1>503\\|<a.*'; kill $!; wait $!; done 2> log; rm -r webroot/d log" % D,))
def test_lack_of_descriptors(root, folder, server):
    expected = fill(folder, ["file", "folder/", "another"])
    (folder / "link").symlink_to("folder")
    (folder / "deep").symlink_to("../sub/deep/file.txt")
    expected += [b"link", b"deep"]
    shows(server, "/no-index/", expected)
    least = max(descriptors(server.pid)) + 2  # one for the client
    before = len(descriptors(server.pid))
    for limit in range(least, least + 7):
        set_limit(server.pid, resource.RLIMIT_NOFILE, limit)
        if get(server, "/no-index/").status != 503:
            shows(server, "/no-index/", expected)
    set_limit(server.pid, resource.RLIMIT_NOFILE, None)
    shows(server, "/no-index/", expected)
    more = checks.more_descriptors(server, before)
    assert more <= 0, "after answers with 503 it has %d descriptors more" % more


# ---- Beyond the points

def test_wget_follows_every_link(root, server, folder, tool, tmp_path):
    """A real client walks through all of it, and meets no error."""
    (root / "index.html").unlink()
    fill(folder, [name for name in ODD if name not in ("%2e%2e", "x" * 255, "%" * 85)])
    command = [tool("wget"), "-r", "-nv", "-nH", "--restrict-file-names=nocontrol", "-P", str(tmp_path / "copy"), "http://127.0.0.1:%d/" % server.port]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.returncode == 0, done.stdout.decode(errors="backslashreplace")
    assert len(list((tmp_path / "copy" / "no-index").iterdir())) > len(ODD) // 2


@pytest.mark.parametrize("target", ["http://127.0.0.1/no-index/", "http://x//no-index//", "/no-index/?a=b", "/sub/..a/../no-index/", "/./no-index/./"])
def test_a_folder_in_other_words(server, folder, target):
    fill(folder, PLAIN)
    if ".." in target:
        answers(server, lines("GET %s HTTP/1.0" % target), 403)
    else:
        body = answers(server, lines("GET %s HTTP/1.0" % target), 200).body
        assert [href for href, _ in listings.Page(body).links] == ["../", *PLAIN]


def test_random_names(server, folder):
    chance = random.Random(os.environ.get("LAB_SEED", "7a"))
    raw = {bytes(chance.choice(b"ab/%&<>\"'#?:;. \n\t\\\xc3\xa4\xff\x01") for _ in range(chance.randrange(1, 12))) for _ in range(200)}
    made = fill(folder, sorted(name for name in raw if b"/" not in name and not name.startswith(b".")))
    shown = split(server, "/no-index/")[0]
    assert list(shown) == sorted(made)
    for name, link in shown.items():
        identical(follow(server, link).body, name)


def test_a_path_as_long_as_a_request_line(server, root):
    """In the deepest folder whose path a request can name, each link that is shown works."""
    deep, target = os.fsencode(root), ""
    here = os.open(deep, os.O_RDONLY)
    try:
        while len(target) < 7600:
            os.mkdir("ü" * 100, dir_fd=here)
            below = os.open("ü" * 100, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here, target = below, target + "/" + "%C3%BC" * 100
        for length in range(1, 250, 10):
            os.close(os.open("y" * length, os.O_CREAT | os.O_WRONLY, dir_fd=here))
        shown = split(server, target + "/")[0]
        assert shown
        for link in shown.values():
            follow(server, link)
    finally:
        os.close(here)


def test_names_that_change_meanwhile(server, folder):
    """Each page is whole, and has what was there all the time."""
    kept = fill(folder, ["kept%03d" % number for number in range(200)])
    script = "cd %s; while :; do : > x; mkdir y; mv x z; rmdir y; rm z; done" % folder
    with subprocess.Popen(["sh", "-c", script], stderr=subprocess.DEVNULL) as busy:
        try:
            for _ in range(100):
                assert [name for name in split(server, "/no-index/")[0] if name not in (b"x", b"y/", b"y", b"z")] == kept
        finally:
            busy.kill()


def test_who_waits_to_write_into_a_fifo_is_left_alone(server, folder):
    os.mkfifo(str(folder / "fifo"))
    (folder / "link").symlink_to("fifo")
    with subprocess.Popen(["sh", "-c", "echo waiting; echo > %s" % (folder / "fifo")], stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        for _ in range(20):
            shows(server, "/no-index/", [])
        assert writer.poll() is None
        with open(str(folder / "fifo")) as fifo:
            assert fifo.read() == "\n"


def test_random_faults(chapter, root, folder, random_faults):
    fill(folder, ["%0200d" % number for number in range(300)])
    server = random_faults(chapter.serve, "-p", "0", root)
    for _ in range(6):
        assert len(split(server, "/no-index/")[0]) == 300


@pytest.mark.strict
def test_a_hundred_thousand_names_cost_little(server, folder):
    fill(folder, ["%0100d" % number for number in range(100000)])
    get(server, "/no-index/")
    begin = time.monotonic()
    assert len(split(server, "/no-index/")[0]) == MANY
    assert time.monotonic() - begin < seconds(10)
    assert memory(server.pid) < 40 << 20


@pytest.mark.strict
def test_a_client_that_reads_nothing_is_given_up(chapter, root, folder, hurry):
    fill(folder, ["%0250d" % number for number in range(9000)])
    server = chapter.serve("-p", "0", root, env=hurry or None)
    assert http_checks.next_served_after(server, lines("GET /no-index/ HTTP/1.0"), b"", 95) < seconds(95)
