"""Showing on the terminal how far a grading is."""

import contextlib
import os
import shutil
import sys
import threading

from grade import results as model


@contextlib.contextmanager
def progress(place, chapters):
    """While this lasts, the terminal shows how many checks have been made. The results of these chapters are in the
    folder `place`."""
    over = threading.Event()

    def show():
        while not over.wait(0.3):
            everything = [model.load(os.path.join(place, chapter + ".json")) for chapter in chapters]
            checks = [check for results in everything if results for check in results["checks"]]
            made = [check for check in checks if check["verdict"] not in (model.WAITING, model.RUNNING)]
            now = next((check["title"] for check in checks if check["verdict"] == model.RUNNING), "")
            line = "%d of %d checks  %s" % (len(made), len(checks), now)
            sys.stderr.write("\r\033[K" + line[:shutil.get_terminal_size().columns - 1] * bool(checks))
            sys.stderr.flush()
        sys.stderr.write("\r\033[K")

    if not sys.stderr.isatty():
        yield
        return
    shower = threading.Thread(target=show)
    shower.start()
    try:
        yield
    finally:
        over.set()
        shower.join()
