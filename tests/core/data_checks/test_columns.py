"""Whether columns say something, and whether episodes are there twice."""

import attrs
import numpy as np

from genpolicy.data_checks.columns import constant_columns, unused_box
from genpolicy.data_checks.repeats import repeated_episodes


def test_columns_that_change_are_not_mentioned(walk):
    assert [*constant_columns(walk()), *unused_box(walk())] == []


def test_columns_that_never_change_are_named(walk):
    data = walk()
    data.observation[:, 1], data.action[:, 0], data.reward[:] = 3.0, 0.5, -1.0
    seen, done, earned = constant_columns(data)
    assert seen.what == "1 of 3 columns of observation never change: 1"
    assert done.what == "1 of 2 columns of action never change: 0"
    assert earned.what == "every reward is -1"
    assert earned.advice.endswith("imitate with --objective bc")
    assert {finding.verdict for finding in (seen, done, earned)} == {"odd"}


def test_many_constant_columns_are_not_all_listed(walk):
    wide = np.zeros((160, 12), np.float32)
    found = next(constant_columns(walk(observation=wide, next_observation=wide)))
    assert found.what.endswith("never change: 0, 1, 2, 3, 4, 5, 6, 7, …")


def test_a_box_in_another_unit_is_found(walk):
    wide = np.full(2, 180.0, np.float32)
    (found,) = unused_box(walk(action_low=-wide, action_high=wide))
    assert (found.verdict, found.rows) == ("odd", 2)
    assert "2 of 2 action columns stay within 5% of the box from [-180.0, -180.0]" in found.what


def test_an_episode_that_is_there_twice_is_found_where_it_begins_again(walk):
    data = walk()
    for name in ("observation", "action"):
        getattr(data, name)[100:120] = getattr(data, name)[20:40]
    found = repeated_episodes(data)
    assert (found.verdict, found.row, found.rows) == ("odd", 100, 1)
    assert "1 of 8 episodes are copies of earlier ones, the first begins at row 100" in found.what


def test_equal_observations_under_other_actions_are_no_copy(walk):
    data = walk()
    data.observation[100:120] = data.observation[20:40]
    assert repeated_episodes(data) is None


def test_single_decisions_may_be_made_twice(walk):
    data = walk(length=1)
    same = attrs.evolve(data, observation=data.observation * 0, action=data.action * 0)
    assert repeated_episodes(same) is None
