"""All checks, one after the other."""

import attrs
import numpy as np
import pytest

from genpolicy.data_checks import inspect_data, refused
from genpolicy.dataset import EnvironmentSpec
from genpolicy.errors import DataError

PENDULUM = EnvironmentSpec(id="Pendulum-v1", horizon=100)
CHECKS = [
    "arrays",
    "alignment",
    "ends",
    "constant columns",
    "action box",
    "repeated episodes",
    "environment",
    "physics",
]


def by_check(data):
    found = {}
    for finding in inspect_data(data):
        found.setdefault(finding.check, []).append(finding)
    return found


def test_every_check_says_something_of_good_data(rollout):
    found = list(inspect_data(rollout(PENDULUM)))
    assert [finding.check for finding in found] == [*CHECKS, "physics"]
    assert {finding.verdict for finding in found} == {"ok"}
    assert found[2].what == "0 terminals, 3 time-outs, where episodes end"


def test_without_an_environment_the_rest_is_checked(walk):
    found = list(inspect_data(walk()))
    assert [finding.check for finding in found] == CHECKS
    assert [finding.verdict for finding in found[-2:]] == ["unchecked", "unchecked"]
    assert "dataset.environment=ID" in found[-2].advice
    assert {finding.verdict for finding in found[:-2]} == {"ok"}


def test_two_faults_are_both_found(walk):
    data = walk()
    following = np.roll(data.next_observation, 9, axis=0)
    both = data.terminal | data.timeout
    found = by_check(attrs.evolve(data, next_observation=following, terminal=both, timeout=both))
    assert [each.verdict for each in found["alignment"]] == ["wrong"]
    assert any("are both" in each.what for each in found["ends"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"id": "CartPole-v1"}, "the environment observes 4 numbers, the data 3"),
        ({"id": "CartPole-v1"}, "it takes actions of shape (), the data's have (2,)"),
        ({"id": "Pendulum-v1"}, "it takes actions of shape (1,), the data's have (2,)"),
    ],
)
def test_an_environment_of_other_sizes_is_wrong(walk, changes, sentence):
    found = by_check(walk(environment=EnvironmentSpec(**changes, horizon=50)))
    assert sentence in [finding.what for finding in found["environment"]]
    assert {finding.verdict for finding in found["environment"]} == {"wrong"}
    assert [finding.verdict for finding in found["physics"]] == ["unchecked"]


def test_an_environment_that_is_not_there_leaves_the_rest(walk):
    spec = EnvironmentSpec(id="NoSuchWorld-v0", horizon=50)
    found = by_check(walk(environment=spec))
    (missing,) = found["environment"]
    assert missing.verdict == "unchecked"
    assert "environment 'NoSuchWorld-v0' cannot be made" in missing.what
    assert found["physics"][0].verdict == "unchecked"


def test_observations_that_cannot_be_flattened_are_reported(walk):
    spec = EnvironmentSpec(id="gymnasium_robotics:PointMaze_UMaze-v3", horizon=50)
    (found,) = by_check(walk(environment=spec))["environment"]
    assert found.verdict == "wrong"
    assert "give observation_keys among the former" in found.what


def test_actions_beyond_what_the_environment_takes_are_counted(rollout):
    data = rollout(PENDULUM)
    action = data.action.copy()
    action[7] = 2.5
    wide = {"action_low": data.action_low * 2, "action_high": data.action_high * 2}
    (found,) = by_check(attrs.evolve(data, action=action, **wide))["environment"]
    assert (found.verdict, found.row, found.rows) == ("wrong", 7, 1)
    assert "as do 1 of 300 rows, first row 7: it takes [-2.] to [2.]" in found.what
    (found,) = by_check(attrs.evolve(data, **wide))["environment"]
    assert (found.verdict, found.row) == ("odd", None)


def test_actions_without_bounds_have_no_box(walk):
    far = np.full(2, np.inf, np.float32)
    (found,) = by_check(walk(action_low=-far, action_high=far))["action box"]
    assert (found.verdict, found.what) == ("ok", "no action is bounded")


def test_what_cannot_be_had_is_wrong_in_the_same_words():
    found = refused(DataError("reward is not finite in 1 of 64 rows"))
    assert (found.verdict, found.sentence) == ("wrong", "reward is not finite in 1 of 64 rows")
