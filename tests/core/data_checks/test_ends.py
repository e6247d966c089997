"""Whether rows follow each other as episodes do."""

import attrs
import numpy as np
import pytest

from genpolicy.data_checks.ends import (
    clocked_terminals,
    ended_and_cut,
    equal_episodes,
    jumping_cuts,
    misalignment,
    terminals_everywhere,
    walks_past_terminals,
)
from genpolicy.dataset import EnvironmentSpec

ALL = (
    misalignment,
    walks_past_terminals,
    jumping_cuts,
    ended_and_cut,
    clocked_terminals,
    equal_episodes,
    terminals_everywhere,
)


@pytest.mark.parametrize("look", ALL)
def test_nothing_is_found_in_honest_episodes(walk, look):
    assert look(walk()) is None
    assert look(walk(length=1)) is None or look is terminals_everywhere
    assert look(walk(episodes=1, length=1)) is None


def test_a_single_row_that_leads_elsewhere_is_found_where_it_is(walk):
    data = walk()
    following = data.next_observation.copy()
    following[45] += 7.0
    found = misalignment(attrs.evolve(data, next_observation=following))
    assert (found.verdict, found.row, found.rows) == ("wrong", 45, 1)
    assert found.sentence.startswith("1 of 152 rows that neither end nor are cut")
    assert found.advice == "an episode that was cut there needs a timeout"


@pytest.mark.parametrize(
    ("shift", "advice"),
    [
        (1, "it is the row's own observation: move next_observation back by one row"),
        (-1, "it is the observation two rows on: move next_observation on by one row"),
        (9, "leave next_observation out: it is then the next row's observation"),
    ],
)
def test_next_observations_that_are_shifted_are_told_apart(walk, shift, advice):
    data = walk(length=40)
    shifted = np.roll(data.next_observation, shift, axis=0)
    found = misalignment(attrs.evolve(data, next_observation=shifted))
    assert (found.verdict, found.advice) == ("wrong", advice)


def test_observations_that_differ_by_rounding_are_odd(walk):
    data = walk()
    rounded = data.next_observation.astype(np.float16).astype(np.float32)
    found = misalignment(attrs.evolve(data, next_observation=rounded))
    assert found.verdict == "odd"
    assert found.advice == "they differ by rounding alone: store both with the same precision"


def test_terminals_that_are_walked_past_are_found(walk):
    data = walk()
    terminal = np.arange(len(data)) % 3 == 0
    found = walks_past_terminals(attrs.evolve(data, terminal=terminal, timeout=~terminal & False))
    assert (found.verdict, found.row) == ("wrong", 0)
    assert "terminals are followed by a row that begins where they led" in found.what


def test_a_few_goals_that_are_walked_past_are_odd_and_jumps_are_not(walk):
    data = walk(length=40)
    terminal = np.arange(len(data)) % 40 == 20
    found = walks_past_terminals(attrs.evolve(data, terminal=terminal))
    assert (found.verdict, found.row, found.rows) == ("odd", 20, 8)
    assert found.advice.startswith("if a goal was reached there and the recording went on")
    far = 100.0 * (np.arange(len(data)) // 40)[:, None].astype(np.float32)
    seen = data.observation + far
    columns = {"observation": seen, "next_observation": np.roll(seen, -1, axis=0)}
    ends = {"terminal": data.terminal | data.timeout, "timeout": np.zeros(len(data), bool)}
    found = walks_past_terminals(attrs.evolve(data, **columns, **ends))
    assert (found.verdict, found.rows) == ("wrong", 7)
    assert "next_observation is the first observation of the next episode" in found.advice


def test_a_cut_to_the_next_episodes_start_is_found(walk):
    data = walk()
    far = 100.0 * (np.arange(len(data)) // 20)[:, None].astype(np.float32)
    seen, following = data.observation + far, data.next_observation + far
    cuts = np.flatnonzero(data.timeout)
    following[cuts] = seen[cuts + 1]
    found = jumping_cuts(attrs.evolve(data, observation=seen, next_observation=following))
    assert (found.verdict, found.row, found.rows) == ("wrong", 19, 4)
    assert found.advice == "store what was seen after the last step, or leave next_observation out"


def test_rows_that_end_and_are_cut_are_found(walk):
    data = walk()
    found = ended_and_cut(attrs.evolve(data, timeout=data.timeout | data.terminal))
    assert (found.verdict, found.row, found.rows) == ("wrong", 39, 4)
    assert found.sentence == "4 rows are both, first row 39; take the terminal"


def test_terminals_at_the_environments_horizon_are_wrong_and_others_of_one_length_odd(walk):
    data = walk()
    ends = {"terminal": data.terminal | data.timeout, "timeout": np.zeros(len(data), bool)}
    clocked = attrs.evolve(data, **ends, environment=EnvironmentSpec(id="x", horizon=20))
    found = clocked_terminals(clocked)
    assert (found.verdict, found.row, found.rows) == ("wrong", 19, 8)
    assert equal_episodes(clocked) is None
    odd = equal_episodes(attrs.evolve(data, **ends))
    assert (odd.verdict, odd.row, odd.rows) == ("odd", 19, 8)
    assert odd.what == "all 8 terminals come after 20 steps, as where a clock cuts"


def test_terminals_everywhere_are_wrong_in_a_walk_and_odd_in_single_decisions(walk):
    everywhere = {"terminal": np.ones(160, bool), "timeout": np.zeros(160, bool)}
    found = terminals_everywhere(walk(**everywhere))
    assert (found.verdict, found.rows) == ("wrong", 160)
    assert found.what == "every row is a terminal, though rows lie near the ones before"
    random = np.random.default_rng(0).normal(size=(160, 3)).astype(np.float32)
    found = terminals_everywhere(walk(**everywhere, observation=random))
    assert (found.verdict, found.what) == ("odd", "every row is a terminal")


def test_a_bandit_whose_observation_never_changes_may_end_at_every_row(walk):
    nothing = np.zeros((160, 3), np.float32)
    ends = {"terminal": np.ones(160, bool), "timeout": np.zeros(160, bool)}
    data = walk(**ends, observation=nothing, next_observation=nothing)
    assert terminals_everywhere(data) is None
    assert walks_past_terminals(data) is None
