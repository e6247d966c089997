"""Data that checks are tried with: walks, whose rows follow each other, and simulators' steps."""

from collections.abc import Callable

import numpy as np
import pytest

from genpolicy.dataset import Dataset, EnvironmentSpec
from genpolicy.evaluation import flatten, make_environment


@pytest.fixture(scope="session")
def walk() -> Callable[..., Dataset]:
    """Make episodes of small random steps, every other one of which ends."""

    def make(episodes: int = 8, length: int = 20, **changes: object) -> Dataset:
        random, rows = np.random.default_rng(0), episodes * length
        paths = random.normal(size=(episodes, length + 1, 3)).cumsum(axis=1).astype(np.float32)
        last = np.arange(rows) % length == length - 1
        ended = np.arange(rows) // length % 2 == 1
        columns = {
            "name": "walk",
            "observation": paths[:, :-1].reshape(rows, 3),
            "action": random.uniform(-1, 1, (rows, 2)).astype(np.float32),
            "reward": random.normal(size=rows).astype(np.float32),
            "next_observation": paths[:, 1:].reshape(rows, 3),
            "terminal": last & ended,
            "timeout": last & ~ended,
            "action_low": -np.ones(2, np.float32),
            "action_high": np.ones(2, np.float32),
        }
        return Dataset(**{**columns, **changes})

    return make


@pytest.fixture(scope="session")
def rollout() -> Callable[..., Dataset]:
    """Make steps of random actions in an environment."""

    def make(spec: EnvironmentSpec, rows: int = 300) -> Dataset:
        environment, random = make_environment(spec), np.random.default_rng(1)
        low, high = environment.action_space.low, environment.action_space.high
        seen, steps = flatten(spec, environment.reset(seed=1)[0]), []
        for _ in range(rows):
            action = random.uniform(low, high).astype(np.float32)
            found, reward, terminal, timeout, _ = environment.step(action)
            following = flatten(spec, found)
            cut = timeout and not terminal
            steps.append((seen, action, np.float32(reward), following, terminal, cut))
            seen = flatten(spec, environment.reset()[0]) if terminal or timeout else following
        environment.close()
        columns = [np.array(column) for column in zip(*steps, strict=True)]
        observation, action, reward, following, terminal, timeout = columns
        return Dataset(
            name="rollout",
            observation=observation,
            action=action,
            reward=reward,
            next_observation=following,
            terminal=terminal,
            timeout=timeout,
            action_low=low.astype(np.float32),
            action_high=high.astype(np.float32),
            environment=spec,
        )

    return make
