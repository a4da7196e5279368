"""make bench: what is compared is measured side by side, and noise is no verdict."""

import sys

import pytest

from repo.repository import path

sys.path.insert(0, path("tests", "bench"))
import bench  # noqa: E402


def test_each_server_is_measured_right_beside_the_one_that_it_is_compared_with():
    measured = []
    turns = bench.turn_by_turn([("a", "limit"), ("b", "limit")], 2, lambda name: measured.append(name) or len(measured))
    assert measured == ["a", "limit", "b", "limit", "limit", "a", "limit", "b"]
    assert turns == [("a", "limit", 1, 2), ("b", "limit", 3, 4), ("a", "limit", 6, 5), ("b", "limit", 8, 7)]


@pytest.mark.parametrize("ratios, target, words", [
    ([0.96, 0.97, 0.96, 0.98], 0.9, "ok"), ([0.70, 0.71, 0.72, 0.71], 0.9, "missed"),
    ([0.47, 0.77, 1.03, 0.73, 0.79], 0.5, "ok"), ([0.47, 0.95, 1.03, 0.70, 0.88], 0.9, "no verdict")])
def test_a_spread_that_is_wider_than_the_distance_to_the_target_is_no_verdict(ratios, target, words, capsys):
    bench.print_table("Speed", [("a", "b", ratio, 1) for ratio in ratios], 0, [("a", "b", ">=", target)])
    assert "target >= %s: %s" % (target, words) in capsys.readouterr().out
