import numpy as np
import pytest
from gymnasium import spaces

from genpolicy.errors import DataError
from genpolicy.evaluation import observation_keys

ONE = spaces.Box(0, 1, (1,), np.float64)


def test_an_array_has_no_entries():
    assert observation_keys(ONE, who="it") == ()


def test_a_goal_comes_second_and_what_was_achieved_is_left_out():
    names = ("desired_goal", "wind", "achieved_goal", "observation", "sun")
    space = spaces.Dict(dict.fromkeys(names, ONE))
    assert observation_keys(space, who="it") == ("observation", "desired_goal", "sun", "wind")


def test_entries_without_a_goal_stay_in_their_order():
    space = spaces.Dict({"b": ONE, "a": ONE})
    assert observation_keys(space, who="it") == tuple(space.spaces)


@pytest.mark.parametrize(
    "space", [spaces.Discrete(3), spaces.Dict({"a": spaces.Discrete(3)}), spaces.Dict({})]
)
def test_anything_else_is_refused(space):
    with pytest.raises(DataError, match=r"the maze observes .*; only arrays and dictionaries of"):
        observation_keys(space, who="the maze")
