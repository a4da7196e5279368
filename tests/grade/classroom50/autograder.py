"""Classroom 50 runs this for each submission, in a clone of the learner's repository."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.execv(sys.executable, [sys.executable, os.path.join(HERE, "sockets", "tests", "lab.py"), "autograde"])
