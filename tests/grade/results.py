"""The model of a graded chapter, which every report is made from. It is a JSON file:

    {"chapter": "04-send-recv", "folder": path, "seed": number, "complete": true, "log": text, "titles": [of a step],
     "checks": [{"name": ..., "title": ..., "step": 3, "points": 10, "verdict": ..., "earned": 10, "seconds": 0.2,
                 "reason": text, "steps": [text], "message": text, "crash": text,
                 "cause": text, "read": [section], "by_hand": [command]}]}

A verdict is one of those below. Only a failure costs points, and what could not be checked because
something else failed before; the grader's own trouble, and what this machine cannot check, do not.
"""

import json
import os

WAITING = "waiting"
RUNNING = "running"
PASSED = "passed"
FAILED = "failed"
NOT_CHECKED = "not checked"  # because another check failed, which it needs
NOT_POSSIBLE = "not possible here"  # this machine lacks something
GRADER_ERROR = "grader error"
EARNS = PASSED, NOT_POSSIBLE, GRADER_ERROR


def unknown(chapter, folder="", seed=0):
    """The results of a chapter of which nothing is known yet."""
    return {"chapter": chapter, "folder": folder, "seed": seed, "complete": False, "log": "", "titles": [],
            "checks": []}


def decide(check, verdict, reason=""):
    """Give a check its verdict, and with it its points."""
    check["verdict"], check["reason"] = verdict, reason
    check["earned"] = check["points"] if verdict in EARNS else 0


def cut_off(results, counts=True):
    """Have the checks that ran when their grader was ended wait again; returns, and keeps, how often that was so,
    by their names, if it `counts`."""
    times = results.setdefault("cut off", {})
    for check in results["checks"]:
        if check["verdict"] == RUNNING:
            check["verdict"] = WAITING
            times[check["name"]] = times.get(check["name"], 0) + counts
    return times


def save(path, results):
    """Write the results so that a reader, and a crash, see the old or the new file and no half."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def load(path):
    """Read results; None where there are none (yet)."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def earned(results):
    """The points of a chapter, or of one list of checks."""
    return sum(check["earned"] for check in results["checks"])


def total(results):
    """The points that there are."""
    return sum(check["points"] for check in results["checks"])


def had_trouble(results):
    """Has the grader itself had trouble with this chapter?"""
    return bool(results["log"]) or any(check["verdict"] == GRADER_ERROR for check in results["checks"])


def is_full(results):
    """Has every point been earned?"""
    return bool(results["checks"]) and earned(results) == total(results)
