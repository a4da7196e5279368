"""Pages that show a folder: which links they have, and where a browser would go from there."""

import collections
import html.parser
import re
import urllib.parse

from harness.http_checks import answers
from harness.http_requests import lines

# href: as it stands in the page; text: what a browser shows of it; target: what a browser would ask this server for
Link = collections.namedtuple("Link", "href text target")

EMPTY = "~empty~"  # in place of an empty part of a path: to a browser ../ leads out of it, and urljoin() would drop it


class Page(html.parser.HTMLParser):
    """A page taken apart: .links, rows (href, text); .tags, the names of all its tags; .title; .text, all of it."""

    def __init__(self, body):
        super().__init__()
        self.links, self.tags, self.title, self.text, self._inside = [], [], "", "", set()
        self.feed(body.decode("utf-8", "surrogateescape"))
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self._inside.add(tag)
        if tag == "a":
            self.links.append([dict(attributes).get("href") or "", ""])

    def handle_endtag(self, tag):
        self._inside.discard(tag)

    def handle_data(self, data):
        self.text += data
        if "a" in self._inside:
            self.links[-1][1] += data
        if "title" in self._inside:
            self.title += data


def page_of(server, target):
    """What GET brings for a folder: its Page. It is HTML, and as long as it says."""
    response = answers(server, lines("GET %s HTTP/1.0" % target), 200)
    kind = response.headers["content-type"]
    assert kind.replace(" ", "").lower() == "text/html;charset=utf-8", "the page of %s is not text/html; charset=utf-8, but %s" % (target, kind)
    length = response.headers["content-length"]
    assert length == str(len(response.body)), "Content-Length of %s says %s, and %d bytes came" % (target, length, len(response.body))
    return Page(response.body)


def links(server, target, page=None):
    """The links of a folder's page as a browser follows them."""
    base = "http://127.0.0.1:%d%s" % (server.port, re.sub("/(?=/)", "/" + EMPTY, target))
    found = []
    for href, text in (page or page_of(server, target)).links:
        url = urllib.parse.urlsplit(urllib.parse.urljoin(base, href.replace(";", "%3B")))  # it would drop a last ;
        assert (url.scheme, url.netloc) == ("http", "127.0.0.1:%d" % server.port), (
            "the link %r of %s leads to another place than this server: %s" % (href, target, url.geturl()))
        path = re.sub("^/+", "/", url.path.replace(EMPTY, ""))
        found.append(Link(href, text, urllib.parse.urlunsplit(("", "", path, url.query, ""))))
    return found


def decoded(target):
    """The path of a target in bytes, without empty parts."""
    return re.sub(b"/+", b"/", urllib.parse.unquote_to_bytes(target.partition("?")[0].encode("utf-8", "surrogateescape")))


def split(server, target, page=None):
    """The links of a folder's page: a dictionary from each name, in bytes, with the slash of a folder, to its Link, in
    their order; and the links to the folder above. From a path that ends in // the link ../ leads to the folder itself."""
    folder, shown, above = decoded(target), {}, []
    for link in links(server, target, page):
        path = decoded(link.target)
        if path == re.sub(b"[^/]*/$", b"", folder) != folder or (path == folder != b"/" and target.endswith("//")):
            above.append(link)
            continue
        assert path.startswith(folder) and path != folder, "the link %r of %s leads elsewhere: %s" % (link.href, target, link.target)
        name = path[len(folder):]
        assert name not in shown, "the page of %s has two links to %r" % (target, name)
        shown[name] = link
    return shown, above


def names(server, target):
    """The names on a folder's page, in their order, without the slash of a folder."""
    return [name.rstrip(b"/").decode("utf-8", "backslashreplace") for name in split(server, target)[0]]


def follow(server, link):
    """Ask for what a link leads to; return the Response, which is 200."""
    request = b"GET %s HTTP/1.0\r\n\r\n" % link.target.encode("utf-8", "surrogateescape")
    return answers(server, request, 200, name="the link %r" % link.href)
