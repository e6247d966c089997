"""A learning curve in letters."""

import math

import pytest

from genpolicy.registry import Registry
from genpolicy_cli.run_curve import curve_lines
from recorded import evaluation, record, run_start


@pytest.fixture
def drawn(tmp_path):
    def draw(looks, *finals, **changes):
        with Registry.open(tmp_path / "registry.db") as registry:
            records = [evaluation([v, v], selection=None, step=s) for s, v in looks]
            record(registry, run_start("a", **changes), *records, *finals)
            return curve_lines(registry.run("a"))

    return draw


def test_a_rising_curve_rises_from_the_lower_left_to_the_upper_right(drawn):
    title, *lines = drawn([(100, 0.0), (1000, 90.0)], evaluation([90.0, 90.0], step=1000))
    assert title == "score by step: 2 looks of 2 episodes, ● final 90.0 ± 0.0"
    labels, plot = [line[:2].strip() for line in lines[:-2]], [line[4:] for line in lines[:-2]]
    assert labels == ["90", *[""] * 4, "45", *[""] * 4, "0"]
    starts = [len(line) - len(line.lstrip()) for line in plot]
    assert starts == sorted(starts, reverse=True)
    assert plot[0].endswith("●")
    assert lines[-1].split() == ["100", "1,000", "steps"]


def test_lines_are_as_wide_as_they_may_be_and_no_wider(drawn):
    lines = drawn([(10, 5.0), (20, -3.0), (40, 2e6)])
    assert max(len(line) for line in lines[1:]) <= 80
    assert len({len(line) for line in lines[-2:]}) == 1


def test_a_level_curve_and_a_single_look_are_drawn(drawn):
    lines = drawn([(100, 50.0)])
    assert lines[0] == "score by step: 1 look of 2 episodes"
    assert sum(letter > "⠀" for line in lines[1:-2] for letter in line[4:].strip()) == 1


def test_looks_that_are_no_numbers_are_left_out(drawn):
    lines = drawn([(100, math.nan), (200, 50.0), (300, 60.0)])
    assert lines[-1].split()[0] == "200"
    assert lines[0].startswith("score by step: 3 looks")


def test_nothing_is_drawn_where_there_is_nothing_to_see(drawn):
    assert drawn([(100, math.nan)]) == []


def test_nothing_is_drawn_of_a_run_without_looks(drawn):
    assert drawn([], evaluation([90.0])) == []
