import numpy as np
import pytest

from genpolicy.transforms.episodes import episode_lengths, episode_returns
from genpolicy.transforms.selection import best_episodes, rows_apart, rows_of, some_episodes
from walks import walk

WALK = walk(4, 1, 7, 3, 5, 2)


def numbers(data):
    """Return which episodes of ``WALK`` data hold, by the first row of each."""
    starts = np.cumsum([0, 4, 1, 7, 3, 5])
    return [int(np.flatnonzero(starts == row)[0]) for row in data.reward if row in starts]


@pytest.mark.parametrize("share", [0.01, 0.34, 0.5, 0.99])
def test_a_share_is_of_whole_episodes_in_their_old_order(share):
    part = some_episodes(WALK, share, seed=3)
    held = numbers(part)
    assert held == sorted(held)
    assert len(held) == max(1, int(np.ceil(share * 6)))
    assert episode_lengths(part).tolist() == episode_lengths(WALK)[held].tolist()


def test_all_episodes_are_the_data_themselves():
    assert some_episodes(WALK, 1.0, seed=0) is WALK
    assert best_episodes(WALK, 1.0) is WALK


def test_a_larger_share_holds_all_of_a_smaller_one():
    small, large = (some_episodes(WALK, share, seed=1) for share in (0.3, 0.7))
    assert set(numbers(small)) < set(numbers(large))


def test_another_seed_draws_other_episodes():
    drawn = {tuple(numbers(some_episodes(WALK, 0.5, seed))) for seed in range(10)}
    assert len(drawn) > 3


def test_the_best_have_the_highest_returns():
    part = best_episodes(WALK, 0.5)
    returns = episode_returns(WALK)
    assert sorted(episode_returns(part)) == sorted(returns)[-3:]


def test_selected_data_are_other_data():
    part = best_episodes(WALK, 0.5)
    assert part.fingerprint() != WALK.fingerprint()
    assert some_episodes(WALK, 0.5, 0).fingerprint() == some_episodes(WALK, 0.5, 0).fingerprint()


def test_what_is_set_apart_and_what_is_left_are_all_and_share_nothing():
    apart = rows_apart(WALK, 0.3, seed=0)
    held, left = numbers(rows_of(WALK, apart)), numbers(rows_of(WALK, ~apart))
    assert sorted(left + held) == list(range(6))
    assert len(held) == 2


def test_of_two_episodes_one_is_left():
    apart = rows_apart(walk(3, 4), 0.99, seed=0)
    assert apart.sum() in (3, 4)


def test_an_unfinished_last_episode_counts():
    assert episode_lengths(walk(3, 4, cut_last=False)).tolist() == [3, 4]
