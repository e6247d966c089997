"""Whether an environment observes and takes what the data hold."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from genpolicy.data_checks.findings import Finding, first_of
from genpolicy.evaluation import flatten

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset, Floats
    from genpolicy.evaluation.environment import Environment

ENVIRONMENT = "environment"


def action_bounds(environment: "Environment") -> "tuple[Floats, Floats]":
    """Return the smallest and the largest action that an environment takes, ``[*action]``.

    One that takes anything but arrays has bounds without a shape.
    """
    from gymnasium.spaces import Box

    space = environment.action_space
    if not isinstance(space, Box):
        return np.zeros((), np.float32), np.zeros((), np.float32)
    return np.asarray(space.low), np.asarray(space.high)


def other_sizes(data: "Dataset", environment: "Environment") -> Iterator[Finding]:
    """Find observations and actions of another size than the environment's.

    Args:
        data: The data; they name an environment.
        environment: That environment.

    Raises:
        DataError: What it observes cannot be flattened.
    """
    assert data.environment is not None
    seen = len(flatten(data.environment, environment.reset(seed=0)[0]))
    if seen != data.observation.shape[1]:
        yield _other(
            f"the environment observes {seen} numbers, the data {data.observation.shape[1]}",
            "observation_keys",
        )
    takes, shape = action_bounds(environment)[0].shape, data.action.shape[1:]
    if takes != shape:
        yield _other(f"it takes actions of shape {takes}, the data's have {shape}", "kwargs")


def _other(what: str, key: str) -> Finding:
    return Finding(
        check=ENVIRONMENT,
        verdict="wrong",
        what=what,
        advice=f"name the one that the data came from (dataset.environment), or correct its {key}",
    )


def actions_beyond(data: "Dataset", environment: "Environment") -> Finding | None:
    """Find actions, or bounds of actions, beyond what the environment takes.

    Args:
        data: The data; their actions have the environment's size.
        environment: The environment.
    """
    low, high = action_bounds(environment)
    slack = 1e-6 + 1e-4 * (high - low)
    beyond = np.asarray((data.action < low - slack) | (data.action > high + slack))
    outside = np.asarray(beyond.reshape(len(data), -1).any(axis=1))
    within = (data.action_low >= low - 1e-6).all() and (data.action_high <= high + 1e-6).all()
    if within and not outside.any():
        return None
    count, first = first_of(outside)
    rows = f", as do {count} of {len(data)} rows, first row {first}" if count else ""
    return Finding(
        check=ENVIRONMENT,
        verdict="wrong" if count else "odd",
        what=f"the data allow actions that it does not{rows}: it takes {low} to {high}",
        row=first if count else None,
        rows=count or None,
        advice="clip them to what it takes, and give it as action_low and action_high",
    )
