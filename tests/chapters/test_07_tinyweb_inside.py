"""07-tinyweb shows nothing that lies outside the webroot."""

import threading

import pytest

from harness import http_checks, steps
from harness.grading import Symptom, graded
from harness.http_checks import FILES, PAGE, answers, brings
from harness.http_requests import lines

CHAPTER = "07-tinyweb"


@pytest.fixture
def server(chapter, root):
    return chapter.serve("-p", "0", root)


@graded(5, "Serves nothing outside the webroot, however .. is written", step=12,
        cause=[
            Symptom(r"(?i)^\S*%2[ef]\S* was served", "Look for parts .. once %XX is decoded: %2e is a dot."),
            Symptom("was served|root:", "A part .. leads out, wherever it stands in the path; look for it "
                    "once %XX is decoded, and decode only once."),
            "A path with a part .., also as the last, is 403, even where it would not lead out."],
        read="The program",
        by_hand=("./tinyweb",
                 "for t in /../tinyweb.c /x/../../tinyweb.c /%2e%2e/tinyweb.c /x/..; do curl -si --path-as-is "
                 "http://127.0.0.1:8080$t | grep -aE 'HTTP/|program'; done"))
def test_no_target_leads_out_of_the_webroot(server):
    http_checks.hides_what_lies_outside(server)


@graded(4, "Follows links that stay inside the webroot, and no others", step=12,
        cause=[
            Symptom("^'?/(folder/webroot-)?twin/.* was (served|answered)", "A folder beside the webroot may begin "
                    "with the same name, webroot-2: behind the webroot's own path comes a / or the end."),
            Symptom("was served", "open() follows symbolic links, wherever in the path: see where "
                    "realpath() says that it leads."),
            Symptom("not with 200", "A link whose realpath() is inside the webroot is served, also where "
                    "it is one part of the path."),
            "A link that leads out of the webroot, at once or by way of another, is 403."],
        read="The program",
        by_hand=("./tinyweb",
                 "mkdir -p webroot-2 webroot/sub; echo secret > webroot-2/file; ln -s ../webroot-2/file "
                 "webroot/link; ln -s ../webroot-2 webroot/folder; ln -s index.html webroot/inside; echo "
                 "403, 403 and 200:; for t in /link /folder/file /inside; do curl -si "
                 "http://127.0.0.1:8080$t | grep -aE 'HTTP/|secret'; done; rm -r webroot-2 webroot/sub "
                 "webroot/link webroot/folder webroot/inside"))
def test_follows_links_that_stay_inside_and_no_others(chapter, root):
    server = chapter.serve("-p", "0", root, cwd=str(root.parent))
    http_checks.hides_where_links_lead(server, root)
    for link, leads_to in [("link", "index.html"), ("whole", str(root / "index.html")), ("chain", "link"),
                           ("folder", "sub"), ("sub/up", "../index.html"),
                           ("whole-folder", str(root / "sub"))]:
        (root / link).symlink_to(leads_to)
    for target in ("/link", "/whole", "/chain", "/sub/up"):
        brings(server, target, PAGE)
    for folder in ("/folder", "/whole-folder"):
        brings(server, folder + "/deep/file.txt", FILES["sub/deep/file.txt"])


def test_links_that_lead_nowhere_are_refused(root, server):
    (root / "circle").symlink_to("circle")
    (root / "nowhere").symlink_to("missing")
    for target in ("/circle", "/nowhere", "/circle/x"):
        answers(server, lines("GET %s HTTP/1.0" % target), (403, 404))  # is a circle not there, or forbidden?


@graded(3, "Stays inside the webroot, whatever is linked while it looks", step=13, limit=60,
        cause=[
            Symptom("^/way/secret.txt was served", "What realpath() gave is opened by its name: a folder "
                    "in it may have become a link meanwhile. Open one part after the other, openat() with "
                    "O_NOFOLLOW.",
                    by_hand=("strace -o /dev/null -e inject=open,openat:delay_enter=20000 ./tinyweb",
                             "mkdir -p webroot/in out; echo right > webroot/in/f; echo secret > out/f; ln "
                             "-s in webroot/way; (while sleep 0.01; do mv webroot/in webroot/kept; ln -s "
                             "../out webroot/in; sleep 0.01; rm webroot/in; mv webroot/kept webroot/in; "
                             "done) & for i in $(seq 60); do curl -s --max-time 2 "
                             "http://127.0.0.1:8080/way/f; done | grep -m1 secret; kill $!; wait; rm -rf "
                             "webroot/in webroot/kept webroot/way out")),
            "Between a check and an open() by name everything may change: what was checked is not what is "
            "opened. Open one part after the other, openat() with O_NOFOLLOW, or ask where the open file "
            "lies."],
        read="The program",
        by_hand=("strace -o /dev/null -e inject=open,openat:delay_enter=20000 ./tinyweb",
                 "mkdir -p webroot/in out; echo right > webroot/in/f; echo secret > out/f; (while sleep "
                 "0.01; do ln -sfn in webroot/link; sleep 0.01; ln -sfn ../out webroot/link; done) & for i "
                 "in $(seq 60); do curl -s --max-time 2 http://127.0.0.1:8080/link/f; done | grep -m1 "
                 "secret; kill $!; wait; rm -r webroot/in webroot/link out"))
def test_a_link_that_changes_does_not_lead_out(chapter, root, preloaded):
    server = preloaded.start(chapter.serve, "gaps", {"LAB_SLOW_OPEN": 4}, "-p", "0", root)
    steps.step("have each open() take a while")
    folder, kept, link = root / "sub", root / "kept", root / "link"
    (folder / "secret.txt").write_bytes(PAGE)
    (root / "way").symlink_to("sub")
    over = threading.Event()

    def swap():
        while not over.is_set():
            for leads_to in ("index.html", "../secret.txt"):
                (root / "next").symlink_to(leads_to)
                (root / "next").rename(link)
                over.wait(0.002)
            folder.rename(kept)
            folder.symlink_to("..")
            over.wait(0.002)
            folder.unlink()
            kept.rename(folder)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for target in ["/link"] * 100 + ["/way/secret.txt"] * 100:
            http_checks.hides(server, target, (200, 403, 404))
    finally:
        over.set()
        swapping.join()
