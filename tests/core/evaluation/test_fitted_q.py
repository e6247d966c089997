"""Fitted-Q evaluation against decision problems whose values are known."""

import attrs
import numpy as np
import pytest
import torch

from genpolicy.dataset import Batch
from genpolicy.evaluation.fitted_q import ReturnScale, fitted_q

STATES, RIGHT, DISCOUNT = 5, 0.8, 0.9


def chain(rows, seed=0):
    """A walk on a line by coin flips, of an agent that goes right four times in five.

    An action's sign is its direction; at the right end waits a 1 and the end, left of the leftmost
    state is that state.
    """
    random = np.random.default_rng(seed)
    place = random.integers(STATES, size=rows)
    action = random.uniform(-1, 1, rows)
    after = np.maximum(place + np.where(action > 0, 1, -1), 0)
    terminal = after == STATES
    return Batch(
        observation=one_hot(place),
        action=column(action),
        reward=torch.tensor(terminal).float(),
        next_observation=one_hot(np.minimum(after, STATES - 1)),
        terminal=torch.tensor(terminal).float(),
        next_action=column(policy(rows, random)),
    )


def policy(rows, random):
    return np.where(random.random(rows) < RIGHT, 1, -1) * random.uniform(0, 1, rows)


def one_hot(place):
    return torch.eye(STATES)[torch.tensor(place)]


def column(values):
    return torch.tensor(values, dtype=torch.float32)[:, None]


def chain_values():
    """Solve V = P (r + discount V), state by state."""
    matrix, reward = np.zeros((STATES, STATES)), np.zeros(STATES)
    for place in range(STATES):
        matrix[place, max(place - 1, 0)] += 1 - RIGHT
        if place + 1 < STATES:
            matrix[place, place + 1] += RIGHT
        else:
            reward[place] = RIGHT
    return np.linalg.solve(np.eye(STATES) - DISCOUNT * matrix, reward)


def returns_of(batch):
    return ReturnScale(mean=float(batch.reward.mean()), deviation=float(batch.reward.std()))


def fit(batch, steps, discount=DISCOUNT, scale=None):
    return fitted_q(batch, scale or returns_of(batch), discount=discount, steps=steps, seed=0)


@pytest.mark.slow
def test_the_values_of_a_chain_are_found():
    q = fit(chain(20_000), steps=1500)
    draws = 2000
    action = column(policy(draws, np.random.default_rng(1)))
    found = [float(q(one_hot(np.full(draws, place)), action).mean()) for place in range(STATES)]
    assert found == pytest.approx(chain_values(), abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.01, 1000.0])
def test_the_scale_of_the_rewards_does_not_matter(scale):
    batch = chain(4000)
    scaled = attrs.evolve(batch, reward=scale * batch.reward)
    one = fit(batch, steps=200)(batch.observation[:50], batch.action[:50])
    other = fit(scaled, steps=200)(batch.observation[:50], batch.action[:50])
    assert (other / scale).tolist() == pytest.approx(one.tolist(), abs=1e-3)


@pytest.mark.slow
def test_a_bandits_q_is_its_reward():
    random = np.random.default_rng(0)
    action = torch.tensor(random.uniform(-1, 1, (5000, 2)), dtype=torch.float32)
    nothing = torch.zeros(5000, 1)
    reward = -(action - 0.3).square().sum(1)
    batch = Batch(
        observation=nothing,
        action=action,
        reward=reward,
        next_observation=nothing,
        terminal=torch.ones(5000),
        next_action=torch.zeros_like(action),
    )
    q = fit(batch, steps=800)
    probe = torch.tensor([[0.3, 0.3], [0.0, 0.0], [-0.7, 0.3]])
    assert q(nothing[:3], probe).tolist() == pytest.approx([0.0, -0.18, -1.0], abs=0.04)


@pytest.mark.slow
def test_an_endless_reward_amounts_to_what_it_does_and_no_more():
    """Q climbs far from where it starts, and stays within what such rewards can amount to."""
    ones = torch.ones(500)
    batch = Batch(
        observation=torch.randn(500, 2, generator=torch.Generator().manual_seed(0)),
        action=torch.zeros(500, 1),
        reward=ones,
        next_observation=torch.randn(500, 2, generator=torch.Generator().manual_seed(1)),
        terminal=0 * ones,
        next_action=torch.zeros(500, 1),
    )
    q = fit(batch, 1500, discount=0.95, scale=ReturnScale(mean=5.0, deviation=2.0))
    assert float(q(batch.observation, batch.action).mean()) == pytest.approx(20.0, rel=0.02)


def test_the_same_seed_gives_the_same_q_and_leaves_random_numbers_alone():
    batch, before = chain(200), torch.get_rng_state()
    one, other = (fit(batch, 5)(batch.observation, batch.action) for _ in range(2))
    assert torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)
    third = fitted_q(batch, returns_of(batch), discount=DISCOUNT, steps=5, seed=1)
    assert not torch.equal(third(batch.observation, batch.action), one)


def test_chunks_of_actions_are_taken_as_they_are():
    batch = chain(200)
    chunked = attrs.evolve(
        batch,
        action=batch.action[:, None].expand(-1, 3, -1),
        next_action=batch.next_action[:, None].expand(-1, 3, -1),
    )
    assert fit(chunked, 3)(chunked.observation, chunked.action).shape == (200,)


def test_what_is_called_after_each_step_can_end_the_work():
    calls = []

    def stop():
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted_q(
            chain(100),
            ReturnScale(mean=0.0, deviation=1.0),
            discount=0.9,
            steps=10,
            seed=0,
            after_step=stop,
        )
    assert len(calls) == 3
