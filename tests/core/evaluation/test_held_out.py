"""Held-out episodes: which rows they are, what they came to, and a loss's mean over them."""

import attrs
import numpy as np
import pytest
import torch

from genpolicy.dataset import Dataset
from genpolicy.evaluation.held_out import in_batches, mean_loss, recorded, split
from genpolicy.objective import Loss
from genpolicy.transforms import in_chunks, with_n_step_returns
from genpolicy.transforms.episodes import episode_stops
from walks import joined

DISCOUNT = 0.9
LENGTHS = (1, 7, 2, 5, 3, 12, 4)
CPU = torch.device("cpu")


@pytest.fixture
def data():
    """Episodes of several lengths; every other one is cut, and the last is unfinished."""
    rows, stops = sum(LENGTHS), np.cumsum(LENGTHS)
    random = np.random.default_rng(0)
    terminal, timeout = np.zeros(rows, bool), np.zeros(rows, bool)
    terminal[stops[0::2] - 1] = True
    timeout[stops[1::2] - 1] = True
    terminal[-1] = False
    observation = random.normal(size=(rows + 1, 2)).astype(np.float32)
    return Dataset(
        name="walks",
        observation=observation[:-1],
        action=random.uniform(-1, 1, (rows, 1)).astype(np.float32),
        reward=random.normal(size=rows).astype(np.float32),
        next_observation=observation[1:],
        terminal=terminal,
        timeout=timeout,
        action_low=-np.ones(1, np.float32),
        action_high=np.ones(1, np.float32),
    )


def episodes_of(data, rows):
    """Return the rows of each whole episode among some, and fail if one is not whole."""
    found, stops = [], episode_stops(data)
    for start, stop in zip(np.concatenate([[0], stops[:-1]]), stops, strict=True):
        inside = [row for row in rows if start <= row < stop]
        assert len(inside) in (0, stop - start)
        if inside:
            found.append(inside)
    return found


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_whole_episodes_are_held_out_and_the_others_train(share, data):
    found = split(data, share, seed=1)
    assert sorted([*found.training, *found.held_out]) == list(range(len(data)))
    held, left = episodes_of(data, found.held_out), episodes_of(data, found.training)
    assert len(held) == min(int(np.ceil(share * len(LENGTHS))), len(LENGTHS) - 1)
    assert len(left) >= 1
    again = split(data, share, seed=1)
    assert np.array_equal(found.held_out, again.held_out)


def test_another_seed_holds_other_episodes_out(data):
    found = {tuple(split(data, 0.3, seed).held_out) for seed in range(10)}
    assert len(found) > 3


def test_of_data_with_one_episode_none_is_held_out(data):
    single = attrs.evolve(data, terminal=np.zeros(len(data), bool), timeout=data.terminal & False)
    assert split(single, 0.5, seed=0).held_out.size == 0
    assert split(single, 0.5, seed=0).scored.size == len(data)


def returns_of_steps(data, from_row):
    """The discounted return after a row, as one would add it up."""
    total, factor = 0.0, 1.0
    for row in range(from_row, len(data)):
        total += factor * float(data.reward[row])
        factor *= DISCOUNT
        if data.ends[row]:
            return total
    raise AssertionError


def test_returns_are_what_adding_up_gives(data):
    rows = np.arange(len(data))
    found = recorded(data, rows, DISCOUNT)
    expected = [returns_of_steps(data, row) for row in rows]
    assert found.returns == pytest.approx(expected)
    assert list(found.starts) == [0, *np.cumsum(LENGTHS)[:-1]]
    assert found.values == pytest.approx([expected[start] for start in found.starts])


@pytest.mark.parametrize("steps", [2, 3, 5])
def test_n_step_returns_are_worth_what_their_steps_are(steps, data):
    told = with_n_step_returns(data, steps, DISCOUNT)
    found = recorded(told, np.arange(len(told)), DISCOUNT)
    worth = {tuple(data.observation[row]): returns_of_steps(data, row) for row in range(len(data))}
    for start, value in zip(found.starts, found.values, strict=True):
        assert value == pytest.approx(worth[tuple(told.observation[start])], rel=1e-5)


@pytest.mark.parametrize("steps", [2, 3, 5])
def test_n_step_returns_of_a_task_that_ended_are_worth_its_whole_episode(steps):
    told = with_n_step_returns(joined(9), steps, DISCOUNT)
    found = recorded(told, np.arange(len(told)), DISCOUNT)
    assert list(found.starts) == [0]
    assert found.values == pytest.approx([sum(DISCOUNT**row * row for row in range(9))])


@pytest.mark.parametrize("length", [2, 3, 4])
def test_chunks_are_summed_within_and_discounted_between_them_up_to_the_episodes_end(length, data):
    told = in_chunks(data, length)
    found = recorded(told, np.arange(len(told)), DISCOUNT)
    stops = np.cumsum(LENGTHS)
    long_enough = [k for k, count in enumerate(LENGTHS) if count >= length]
    assert len(found.starts) == len(long_enough)
    for start, value, episode in zip(found.starts, found.values, long_enough, strict=True):
        first = stops[episode] - LENGTHS[episode] // length * length
        rewards = data.reward[first : stops[episode]].reshape(-1, length).sum(1)
        powers = DISCOUNT ** (length * np.arange(len(rewards)))
        assert np.array_equal(told.observation[start], data.observation[first])
        assert value == pytest.approx(float((rewards * powers).sum()), rel=1e-5)


def test_nothing_follows_a_terminal_that_the_episode_walks_past(data):
    ends = data.ends
    terminal = data.terminal.copy()
    terminal[3] = True  # within the second episode
    walked = attrs.evolve(data, terminal=terminal, last=ends)
    found = recorded(walked, np.arange(len(data)), DISCOUNT)
    assert len(found.starts) == len(LENGTHS)
    expected = sum(DISCOUNT**k * float(data.reward[1 + k]) for k in range(3))
    assert found.values[1] == pytest.approx(expected)


def test_only_the_rows_asked_for_count(data):
    rows = np.concatenate([np.arange(1, 8), np.arange(15, 18)])  # the second and fifth episodes
    found = recorded(data, rows, DISCOUNT)
    assert list(found.starts) == [1, 15]
    assert found.values == pytest.approx([returns_of_steps(data, 1), returns_of_steps(data, 15)])


def test_a_mean_loss_weighs_every_transition_alike_with_the_same_noise_each_time(data):
    def noisy(batch):
        return Loss((batch.reward + torch.randn(len(batch))).mean())

    def plain(batch):
        return Loss(batch.reward.mean())

    sliced = [data.to_batch(CPU, slice(0, 20)), data.to_batch(CPU, slice(20, len(data)))]
    assert mean_loss(plain, sliced, seed=0) == pytest.approx(float(data.reward.mean()), abs=1e-6)
    before = torch.get_rng_state()
    assert mean_loss(noisy, sliced, seed=0) == mean_loss(noisy, sliced, seed=0)
    assert mean_loss(noisy, sliced, seed=0) != mean_loss(noisy, sliced, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_batches_hold_every_row_once_and_none_is_tiny():
    parts = in_batches(np.arange(257), 256)
    assert np.array_equal(np.concatenate(parts), np.arange(257))
    assert [len(part) for part in parts] == [129, 128]
