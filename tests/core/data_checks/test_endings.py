"""Whether the steps that end the task in the simulator are the data's terminals."""

import attrs
import numpy as np
import pytest

from genpolicy.data_checks.endings import other_ends
from genpolicy.data_checks.physics import PHYSICS, physics
from genpolicy.dataset import EnvironmentSpec
from genpolicy.evaluation import make_environment

HOPPER = EnvironmentSpec(id="Hopper-v5", horizon=12)
"""Random actions let it fall after some 20 steps, or after fewer, so that it is cut as well."""


@pytest.fixture(scope="module")
def hops(rollout):
    data = rollout(HOPPER, rows=900)
    assert min(data.terminal.sum(), data.timeout.sum()) > 5
    return data


def ends_of(data):
    """Return what the check says of ends, after what it says of dynamics and rewards."""
    environment = make_environment(data.environment)
    try:
        moved, paid, *ends = physics(data, environment)
    finally:
        environment.close()
    assert (moved.verdict, paid.verdict) == ("ok", "ok")
    assert all(found.check == PHYSICS for found in ends)
    return ends


def test_ends_as_they_were_recorded_are_fine(hops):
    (ends,) = ends_of(hops)
    assert (ends.verdict, ends.row) == ("ok", None)
    assert "steps that end the task in Hopper-v5 are terminals, and" in ends.what


def test_falls_stored_as_time_outs_are_found(hops):
    falls = np.flatnonzero(hops.terminal)
    nothing = np.zeros_like(hops.terminal)
    (ends,) = ends_of(attrs.evolve(hops, terminal=nothing, timeout=hops.terminal | hops.timeout))
    assert ends.verdict == "wrong"
    assert ends.row in falls
    assert ends.what == (
        f"{ends.rows} of {ends.rows} steps that end the task in Hopper-v5 are no terminal here, "
        f"first in row {ends.row}"
    )
    assert ends.advice.startswith("mark them terminal, not timeout")


def test_swapped_ends_are_found_from_both_sides(hops):
    unmarked, unended = ends_of(attrs.evolve(hops, terminal=hops.timeout, timeout=hops.terminal))
    assert (unmarked.verdict, unended.verdict) == ("wrong", "wrong")
    assert unmarked.row in np.flatnonzero(hops.terminal)
    assert unended.row in np.flatnonzero(hops.timeout)
    assert f"{unended.rows} of {unended.rows} terminals do not end the task" in unended.what
    assert "mark those that a clock cut as timeout" in unended.advice


def test_ends_that_are_all_terminal_are_odd_where_some_are_falls(hops):
    both = hops.terminal | hops.timeout
    (ends,) = ends_of(attrs.evolve(hops, terminal=both, timeout=np.zeros_like(both)))
    assert ends.verdict == "odd"
    assert ends.row in np.flatnonzero(hops.timeout)


def verdicts(data, ended, terminal):
    rows = np.arange(len(data))
    marked = np.isin(rows, terminal)
    data = attrs.evolve(data, terminal=marked, timeout=np.zeros_like(marked))
    return [found.verdict for found in other_ends(data, rows, np.isin(rows, ended))]


@pytest.mark.parametrize(
    ("ended", "terminal", "expected"),
    [
        ([], [], []),
        (range(20), range(1, 20), ["ok"]),
        (range(20), range(5, 20), ["odd"]),
        (range(20), range(15, 20), ["wrong"]),
        ([3], [], ["odd"]),
        ([], [3], ["odd"]),
        (range(15), range(20), ["odd"]),
        (range(1), range(20), ["wrong"]),
        (range(10), range(20, 30), ["wrong", "wrong"]),
    ],
)
def test_most_are_wrong_and_some_are_odd(hops, ended, terminal, expected):
    assert verdicts(hops, list(ended), list(terminal)) == expected


def test_what_there_is_to_know_of_the_environment_is_told(hops):
    data = attrs.evolve(hops, environment=attrs.evolve(HOPPER, note="an older version"))
    (ends,) = other_ends(data, np.arange(3), ~data.terminal[:3])
    assert ends.advice.endswith("(an older version)")
