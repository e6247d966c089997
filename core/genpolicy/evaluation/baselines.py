"""Policies that need no training: actions drawn uniformly, and whatever collected the data."""

import numpy as np
import torch

from genpolicy.dataset import Dataset, EnvironmentSpec, Floats
from genpolicy.errors import DataError
from genpolicy.evaluation.environment import make_environment
from genpolicy.evaluation.evaluator import evaluate
from genpolicy.evaluation.play import Act
from genpolicy.evaluation.protocol import Protocol
from genpolicy.records import EpisodeRecord, EvaluationRecord
from genpolicy.transforms.episodes import episode_lengths, episode_returns

FROM_DATA = "the data's episodes"
"""The protocol of a record that was read off data, of which no episode was played again."""


def score_random(environment: EnvironmentSpec, protocol: Protocol) -> EvaluationRecord:
    """Score actions drawn uniformly from the environment's box.

    Args:
        environment: The environment.
        protocol: Which episodes they are scored on.

    Raises:
        DataError: It cannot be made, or its actions are no numbers between bounds.
    """
    return evaluate(uniform(*_box(environment)), environment, protocol)


def uniform(low: Floats, high: Floats) -> Act:
    """Return the policy that draws actions uniformly from a box.

    Args:
        low: The smallest action, ``[*action]``.
        high: The largest action, ``[*action]``.
    """

    def act(observation: Floats, generator: torch.Generator) -> Floats:
        share: Floats = torch.rand(len(observation), *low.shape, generator=generator).numpy()
        return low + (high - low) * share

    return act


def behaviour(data: Dataset) -> EvaluationRecord:
    """Return the episodes of data as a record, to be read as the score of who collected them.

    An unfinished last episode is left out where there are others. Data say nothing of success, and
    their episodes may be longer or shorter than those that agents are scored on.

    Args:
        data: Single steps with the environment's own rewards, with an environment.
    """
    assert data.environment is not None
    returns, lengths = episode_returns(data), episode_lengths(data)
    count = len(returns) - int(len(returns) > 1 and not (data.terminal[-1] or data.timeout[-1]))
    return EvaluationRecord(
        stage="",
        step=0,
        protocol=FROM_DATA,
        selection=None,
        environment=data.environment.as_json(),
        seed=0,
        episodes=tuple(_episode(k, returns[k], lengths[k]) for k in range(count)),
    )


def _episode(number: int, total: float, length: int) -> EpisodeRecord:
    return EpisodeRecord(
        return_=float(total), length=int(length), success=None, steps_to_success=None, seed=number
    )


def _box(environment: EnvironmentSpec) -> tuple[Floats, Floats]:
    from gymnasium import spaces

    made = make_environment(environment)
    space = made.action_space
    made.close()
    if not isinstance(space, spaces.Box) or not space.is_bounded():
        raise DataError(
            f"environment {environment.id!r} takes actions {space}; uniform actions need numbers "
            "between bounds"
        )
    return space.low.astype(np.float32), space.high.astype(np.float32)
