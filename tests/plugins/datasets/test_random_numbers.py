import numpy as np
import pytest

from genpolicy.composition.choosing import choose_part
from genpolicy.errors import OptionError
from genpolicy_plugins.datasets.random_numbers import EPISODE, RandomNumbers


def test_sizes_stand_behind_the_name(catalogue):
    data = choose_part(catalogue, "dataset", "random:3,2", {}).recipe.prepare()
    assert (data.name, data.observation.shape[1], data.action.shape[1:]) == ("random:3,2", 3, (2,))


def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    one, same, other = (RandomNumbers(transitions=9, seed=seed).load() for seed in (1, 1, 2))
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()


def test_episodes_end_and_are_cut_in_turn_so_that_steps_can_be_joined():
    data = RandomNumbers(transitions=2 * EPISODE, chunk=4).prepare()
    assert data.action.shape[1:] == (4, 6)
    alone = RandomNumbers(transitions=2 * EPISODE).load()
    assert np.flatnonzero(alone.terminal).tolist() == [EPISODE - 1]
    assert np.flatnonzero(alone.timeout).tolist() == [2 * EPISODE - 1]


@pytest.mark.parametrize("sizes", ["17", "17,0", "1,2,3"])
def test_other_sizes_are_refused(catalogue, sizes):
    with pytest.raises(OptionError, match="sizes are two positive numbers, such as 17,6"):
        choose_part(catalogue, "dataset", f"random:{sizes}", {})
