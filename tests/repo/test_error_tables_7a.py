"""What can go wrong in exercise 7a: a folder as a page."""

import pytest

from harness.http_checks import fill_webroot
from harness.listings import names
from harness.talk import get
from harness.users import PublicFolder, ordinary_user

row = pytest.mark.row


@pytest.fixture
def root(tmp_path):
    """A webroot whose folder /sub/deep/ has file.txt, and no index.html."""
    return fill_webroot(tmp_path / "webroot")


def fails(server, status, symbol):
    """The folder is answered with a status, which the server says on stderr; and the next request is served."""
    assert get(server, "/sub/deep/").status == status
    server.wait_for_error(r"^listing: open or read a file: .* \(%s\)$" % symbol)
    assert get(server, "/").status == 200


@row("7a-listing", "openat", "ENOENT")
def test_no_index_html(chapter, root):
    server = chapter.serve("-p", "0", root)
    assert names(server, "/sub/deep/") == ["file.txt"]
    assert get(server, "/missing/").status == 404
    assert server.stderr == ""


@row("7a-listing", "openat", "EACCES")
def test_may_not_be_read(chapter):
    with PublicFolder() as public:
        root = fill_webroot(public.path / "webroot")
        (root / "sub" / "deep").chmod(0)
        chapter.program = public.copy(chapter.program)
        server = chapter.serve("-p", "0", root, **ordinary_user())
        assert get(server, "/sub/deep/").status == 403
        (root / "sub" / "deep").chmod(0o755)
    assert server.stderr == ""


@row("7a-listing", "openat", "EMFILE")
def test_no_descriptor(chapter, root):
    server = chapter.serve("-p", "0", root, under=["sh", "-c", 'ulimit -n 7; exec "$0" "$@"'])
    fails(server, 503, "EMFILE")


@row("7a-listing", "fstatat", "ENOENT")
def test_a_link_to_nothing(chapter, root):
    (root / "sub" / "deep" / "link").symlink_to("nothing")
    assert names(chapter.serve("-p", "0", root), "/sub/deep/") == ["file.txt"]


@row("7a-listing", "getdents64, in readdir", "EIO")
def test_a_broken_disk(chapter, root, faults):
    fails(chapter.serve("-p", "0", root, under=faults("getdents64:error=EIO")), 500, "EIO")


@row("7a-listing", "mmap, in malloc", "ENOMEM")
def test_no_memory(chapter, root):
    server = chapter.serve("-p", "0", root, under=["sh", "-c", 'ulimit -v 5000; exec "$0" "$@"'])
    fails(server, 503, "ENOMEM")
