"""Programs that a web server runs for its answers, by CGI."""

import contextlib

from harness.compare import identical
from harness.http_checks import answers, fill_webroot
from harness.http_requests import lines
from harness.inspect import Ended, children, state
from harness.talk import Response, exchange

TYPED = r"printf 'Content-Type: text/plain\r\n\r\n'"  # the head, in sh


def site(folder):
    """Fill a webroot with files, and an empty cgi-bin; return it."""
    fill_webroot(folder)
    (folder / "cgi-bin").mkdir()
    return folder


def program(root, name, *script, mode=0o755):
    """Put a program, these lines of sh, into cgi-bin."""
    path = root / "cgi-bin" / name
    path.write_text("\n".join(("#!/bin/sh",) + script + ("",)))
    path.chmod(mode)


def output(server, target, *headers, body=b"", method="GET", limit=15):
    """Run a program: the answer's body, of status 200."""
    if body:
        headers = ("Content-Length: %d" % len(body),) + headers
    data = exchange(server, lines("%s %s HTTP/1.0" % (method, target), *headers) + body, limit)
    response = Response(data)
    assert response.status == 200, "%s %s was answered with %s" % (method, target, response.status_line)
    return response.body


def variables(server, target, *headers, **options):
    """The environment of the program env, which writes it, as a dictionary."""
    text = output(server, target, *headers, **options).decode("latin-1")
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def is_told(environment, name, *values):
    """The variable has the value, or one of these; None stands for: it is not there."""
    told = "%s=%s" % (name, environment[name]) if name in environment else "%s is not set" % name
    wanted = ["%s=%s" % (name, value) if value is not None else "%s is not set" % name for value in values]
    if len(wanted) == 1:
        identical(told, wanted[0])
    assert told in wanted, "%s, and not %s" % (told, " or ".join(wanted))


def is_hidden(server, target, text, status=(403, 404)):
    """A file in cgi-bin is not run and not shown."""
    response = answers(server, lines("GET %s HTTP/1.0" % target), status)
    assert text not in response.body, "GET %s shows the file" % target


def descendants(pid):
    """The living children of a process, theirs, and so on."""
    found = []
    for child in children(pid):
        with contextlib.suppress(Ended):
            if state(child) != "Z":
                found += [child, *descendants(child)]
    return found


def has_ended(pid):
    """A process is no more, or not yet buried."""
    try:
        return state(pid) == "Z"
    except Ended:
        return True
