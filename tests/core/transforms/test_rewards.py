import numpy as np
import pytest

from genpolicy.errors import DataError
from genpolicy.transforms.rewards import with_reward_rule
from walks import walk

WALK = walk(3, 2)  # rewards 0 1 2 | 3 4, returns 3 and 7


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("as-is", [0.0, 1.0, 2.0, 3.0, 4.0]),
        ("antmaze", [-1.0, 0.0, 1.0, 2.0, 3.0]),
        ("antmaze-cql", [-2.0, 2.0, 6.0, 10.0, 14.0]),
        ("return-range", [0.0, 250.0, 500.0, 750.0, 1000.0]),
    ],
)
def test_a_rule_in_numbers(rule, expected):
    changed = with_reward_rule(WALK, rule)
    assert changed.reward.tolist() == expected
    assert changed.reward.dtype == np.float32


@pytest.mark.parametrize("rule", ["as-is", "antmaze", "antmaze-cql", "return-range"])
def test_the_data_know_what_a_reward_of_the_environment_is_among_theirs(rule):
    changed = with_reward_rule(WALK, rule)
    assert changed.rewards.of(WALK.reward).tolist() == changed.reward.tolist()


def test_rewards_that_were_changed_are_of_the_same_data():
    assert with_reward_rule(WALK, "antmaze").fingerprint() == WALK.fingerprint()


def test_returns_without_a_range_are_refused():
    with pytest.raises(DataError) as caught:
        with_reward_rule(walk(3), "return-range")
    assert str(caught.value) == (
        "dataset 'walk': all 1 episodes have the return 3, so dataset.reward=return-range has no "
        "range to divide by; use dataset.reward=as-is"
    )
