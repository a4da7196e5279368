"""The pytest plugin by which `make test` hears how the checks go, see suite.py: lines of JSON, written to the
descriptor $LAB_TELL. The first has how many checks there are in each file, the others are a verdict each."""

import collections
import json
import os

_descriptor = int(os.environ.pop("LAB_TELL"))
os.set_inheritable(_descriptor, False)  # it is not for the programs that are checked
_reports = collections.defaultdict(list)


def tell(**words):
    os.write(_descriptor, (json.dumps(words) + "\n").encode())


def file(nodeid):
    return os.path.basename(nodeid.partition("::")[0])


def pytest_collectreport(report):
    if report.failed:
        tell(file=file(report.nodeid), verdict="failed", name=report.nodeid, why=report.longreprtext)


def pytest_collection_finish(session):
    tell(files=collections.Counter(file(item.nodeid) for item in session.items))


def pytest_runtest_logreport(report):
    """A check has three: its setup, the call, and its teardown."""
    _reports[report.nodeid].append(report)
    if report.when == "teardown":
        reports = _reports.pop(report.nodeid)
        last = next((one for verdict in ("failed", "skipped", "passed") for one in reports if one.outcome == verdict))
        why = last.longrepr[2] if isinstance(last.longrepr, tuple) else last.longreprtext
        tell(file=file(report.nodeid), verdict=last.outcome, name=report.nodeid, why=why.replace("Skipped: ", ""))
