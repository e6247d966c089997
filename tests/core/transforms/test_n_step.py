import numpy as np
import pytest

from genpolicy.errors import DataError
from genpolicy.transforms.episodes import episode_lengths
from genpolicy.transforms.n_step import with_n_step_returns
from walks import joined

DISCOUNT = 0.9


def by_hand(data, steps):
    """Every window, found by walking from each row in turn."""
    found = []
    for first in range(len(data)):
        total, row, taken = 0.0, first, 0
        while True:
            total += DISCOUNT**taken * float(data.reward[row])
            taken += 1
            over = data.terminal[row] or data.timeout[row] or row + 1 == len(data)
            if taken == steps or over:
                break
            row += 1
        if taken == steps or data.terminal[row]:
            after = float(data.next_observation[row, 0])
            found.append((first, pytest.approx(total, rel=1e-6), after, data.terminal[row]))
    return found


@pytest.mark.parametrize("steps", [2, 3, 5])
@pytest.mark.parametrize("cut_last", [True, False])
def test_windows_are_those_found_by_hand(steps, cut_last):
    data = joined(4, 6, 7, 3, 9, 2, cut_last=cut_last)
    changed = with_n_step_returns(data, steps, DISCOUNT)
    first = changed.observation[:, 0].astype(int)
    after = changed.next_observation[:, 0]
    found = zip(first, changed.reward, after, changed.terminal, strict=True)
    assert list(found) == by_hand(data, steps)
    assert changed.action[:, 0].tolist() == first.tolist()


def test_returns_in_numbers():
    changed = with_n_step_returns(joined(3, 4), 2, 0.5)
    assert changed.reward.tolist() == [0.5, 2.0, 2.0, 5.0, 6.5, 8.0]
    assert changed.terminal.tolist() == [False, True, True, False, False, False]
    assert changed.next_observation[:, 0].tolist() == [2.0, 3.0, 3.0, 5.0, 6.0, 7.0]


def test_episodes_stay_episodes():
    changed = with_n_step_returns(joined(4, 6, 7), 3, DISCOUNT)
    assert changed.episodes == 3
    assert episode_lengths(changed).tolist() == [4, 4, 7]


def test_the_next_action_is_taken_where_the_window_ends():
    changed = with_n_step_returns(joined(6), 2, DISCOUNT)
    assert changed.next_action()[:, 0].tolist() == [2.0, 3.0, 4.0, 5.0, 4.0, 5.0]


def test_one_step_changes_nothing():
    data = joined(4)
    assert with_n_step_returns(data, 1, DISCOUNT) is data


def test_transitions_of_several_steps_are_of_the_same_data():
    data = joined(4)
    assert with_n_step_returns(data, 2, DISCOUNT).fingerprint() == data.fingerprint()


def test_data_without_a_window_are_refused():
    data = joined(1, 2)
    cut = with_n_step_returns(data, 3, DISCOUNT)
    assert len(cut) == 1, "the first ends with a terminal"
    short = joined(2, cut_last=False)
    with pytest.raises(DataError) as caught:
        with_n_step_returns(short, 3, DISCOUNT)
    assert str(caught.value) == (
        "dataset 'walk' has no episode of 3 steps, the longest has 2; lower dataset.n_step"
    )


def test_types_stay():
    changed = with_n_step_returns(joined(4), 2, DISCOUNT)
    assert changed.reward.dtype == np.float32
    assert changed.terminal.dtype == np.bool_
