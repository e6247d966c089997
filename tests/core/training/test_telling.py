"""What is told online is what the transforms make of the same steps."""

import attrs
import numpy as np
import pytest
import torch

from genpolicy.dataset import Dataset
from genpolicy.training.playing import Step
from genpolicy.training.replay import Replay
from genpolicy.training.sampler import Sampler
from genpolicy.training.telling import Telling
from genpolicy.transforms import in_chunks, units_of, with_n_step_returns, with_reward_rule

CPU = torch.device("cpu")
DISCOUNT = 0.9


def _walk(seed: int) -> Dataset:
    """Episodes of random lengths that end, are cut, or go on, in the order of their steps."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 9, 12)
    rows, last = int(lengths.sum()), np.cumsum(lengths)[:-1] - 1
    ends = random.random(len(last)) < 0.5
    observation = random.normal(size=(rows, 3)).astype(np.float32)
    following = np.concatenate([observation[1:], random.normal(size=(1, 3))]).astype(np.float32)
    following[last] = random.normal(size=(len(last), 3))
    terminal, timeout = np.zeros((2, rows), np.bool_)
    terminal[last[ends]], timeout[last[~ends]] = True, True
    return Dataset(
        name="walk",
        observation=observation,
        action=random.uniform(-1, 3, (rows, 2)).astype(np.float32),
        reward=random.normal(size=rows).astype(np.float32),
        next_observation=following,
        terminal=terminal,
        timeout=timeout,
        action_low=np.full(2, -1.0, np.float32),
        action_high=np.full(2, 3.0, np.float32),
    )


def _steps(data: Dataset) -> list[Step]:
    return [
        Step(
            observation=data.observation[row],
            action=data.action[row],
            reward=float(data.reward[row]),
            next_observation=data.next_observation[row],
            terminal=bool(data.terminal[row]),
            timeout=bool(data.timeout[row]),
        )
        for row in range(len(data))
    ]


def _prepared(data: Dataset, n_step: int, chunk: int, rule: str) -> Dataset:
    data = with_reward_rule(data, rule)  # type: ignore[arg-type]
    data = in_chunks(with_n_step_returns(data, n_step, DISCOUNT), chunk)
    return attrs.evolve(data, units=units_of(data, normalise=True, rescale=True))


def _telling(data: Dataset, chunk: int) -> tuple[Telling, Replay]:
    replay = Replay(data, 200, CPU)
    shape = chunk if chunk > 1 else None
    return Telling(data, replay, chunk=shape, discount=DISCOUNT), replay


@pytest.mark.parametrize("rule", ["as-is", "antmaze-cql", "return-range"])
@pytest.mark.parametrize(("n_step", "chunk"), [(1, 1), (2, 1), (5, 1), (1, 2), (1, 4)])
@pytest.mark.parametrize("seed", [0, 1])
def test_steps_are_told_as_the_data_tell_theirs(
    seed: int, n_step: int, chunk: int, rule: str
) -> None:
    walk = _walk(seed)
    data = _prepared(walk, n_step, chunk, rule)
    telling, replay = _telling(data, chunk)
    for step in _steps(walk):
        telling.add(step)
    torch.testing.assert_close(replay.rows(), Sampler(data, CPU).packed)


@pytest.mark.parametrize(("n_step", "chunk"), [(1, 1), (3, 1), (1, 3)])
def test_an_episode_can_be_gone_on_with_after_any_step(n_step: int, chunk: int) -> None:
    walk = _walk(3)
    data, steps = _prepared(walk, n_step, chunk, "as-is"), _steps(walk)
    whole, expected = _telling(data, chunk)
    for step in steps:
        whole.add(step)
    begins = [0, *(row + 1 for row, step in enumerate(steps) if step.is_last)]
    for cut in range(len(steps)):
        first, replay = _telling(data, chunk)
        for step in steps[:cut]:
            first.add(step)
        second, there = _telling(data, chunk)
        there.load(replay.rows())
        second.begin(steps[max(begin for begin in begins if begin <= cut) : cut])
        for step in steps[cut:]:
            second.add(step)
        assert torch.equal(there.rows(), expected.rows())
