"""Grading: running the graded checks of a chapter, telling of them, and all that a class needs."""
