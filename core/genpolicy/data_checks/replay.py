"""Steps told again in a simulator, and whether that one tells its own steps again.

A difference is measured in usual changes: of every observed number, the deviation of its change
over a step; of the reward, the median of its changes from row to row.
"""

from typing import TYPE_CHECKING, Final

import attrs
import numpy as np

from genpolicy.data_checks.bodies import Body, bodies_of
from genpolicy.evaluation import flatten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genpolicy.dataset import EnvironmentSpec, Floats
    from genpolicy.evaluation.environment import Environment

NEAR: Final = 0.1
"""Usual changes within which two steps are the same, whichever version of a simulator took them."""

_OWN: Final = 60
"""How many steps an environment plays to show that its steps can be told again."""

MOST: Final = 0.9
"""The share of the steps that must be the same; fewer are odd."""


@attrs.frozen(eq=False, kw_only=True)
class Steps:
    """Single steps, one per row.

    Args:
        observation: ``[step, observation]``.
        action: ``[step, action]``.
        reward: ``[step]``.
        next_observation: ``[step, observation]``.
        ended: Whether the step ends the task, ``[step]``.
    """

    observation: "Floats"
    action: "Floats"
    reward: "Floats"
    next_observation: "Floats"
    ended: "NDArray[np.bool_]"


def body_of(
    spec: "EnvironmentSpec", environment: "Environment", low: "Floats", high: "Floats"
) -> tuple[Body | None, bool, bool]:
    """Return how an environment's state is set, and whether rewards and ends come out the same.

    Args:
        spec: Its specification.
        environment: The environment.
        low: The smallest action allowed.
        high: The largest action allowed.

    Returns:
        ``None`` where its own steps cannot be told again from what it observes; whether they earn
        the same then, and whether the same ones end the task.
    """
    played = None
    for body in bodies_of(spec, environment):
        played = _played(spec, environment, low, high) if played is None else played
        seen, earned, ended = told_again(body, played.observation, played.action)
        usual = usual_change(played.observation, played.next_observation)
        moved = same_steps(seen, played.next_observation, usual, body.compared)
        paid = np.abs(earned - played.reward) <= NEAR * usual_reward(played.reward)
        told = body.tells_all(played.observation)
        if told.any() and moved[told].mean() >= MOST:
            ending = np.array_equal(ended[told], played.ended[told])
            return body, bool(paid[told].mean() >= MOST), ending
    return None, False, False


def _played(
    spec: "EnvironmentSpec", environment: "Environment", low: "Floats", high: "Floats"
) -> Steps:
    """Return some steps of random actions in an environment."""
    random, steps = np.random.default_rng(0), []
    low, high = (np.nan_to_num(bound, posinf=1.0, neginf=-1.0) for bound in (low, high))
    seen = flatten(spec, environment.reset(seed=0)[0])
    for _ in range(_OWN):
        action = random.uniform(low, high).astype(np.float32)
        found, reward, ended, *_ = environment.unwrapped.step(action)
        following = flatten(spec, found)
        steps.append((seen, action, float(reward), following, ended))
        seen = flatten(spec, environment.reset()[0]) if ended else following
    columns = [np.array(column, np.float32) for column in zip(*steps, strict=True)]
    observation, actions, rewards, next_observation, ends = columns
    return Steps(
        observation=observation,
        action=actions,
        reward=rewards,
        next_observation=next_observation,
        ended=ends.astype(np.bool_),
    )


def told_again(
    body: Body, observation: "Floats", action: "Floats"
) -> "tuple[Floats, NDArray[np.float64], NDArray[np.bool_]]":
    """Return what each action leads to in the simulator: what it observes, earns, and if it ends.

    Args:
        body: The simulator.
        observation: ``[step, observation]``; at least one.
        action: ``[step, action]``.
    """
    pairs = zip(observation, action, strict=True)
    seen, earned, ended = zip(*(body.step(seen, done) for seen, done in pairs), strict=True)
    return np.array(seen), np.array(earned, np.float64), np.array(ended, np.bool_)


def usual_change(before: "Floats", after: "Floats") -> "Floats":
    """Return of every number the deviation of its change, 1 for one that does not change."""
    change = (after - before).std(axis=0)
    return np.where(change > 1e-6, change, 1.0).astype(np.float32)


def usual_reward(reward: "Floats") -> float:
    """Return the median change of the reward from row to row, 1 for one that does not change."""
    change = np.abs(np.diff(reward))
    return float(np.median(change[change > 0])) if change.any() else 1.0


def same_steps(
    seen: "Floats", following: "Floats", usual: "Floats", compared: int
) -> "NDArray[np.bool_]":
    """Return which steps lead to the same observation, as far as the first numbers go.

    Args:
        seen: What the simulator observes, ``[step, observation]``.
        following: What the data observe, ``[step, observation]``.
        usual: The usual change of every number.
        compared: How many numbers count, from the first on.
    """
    apart = ((seen - following) / usual)[:, :compared]
    far = np.sqrt((apart.astype(np.float64) ** 2).mean(axis=1))
    return np.asarray(far <= NEAR)  # false where the simulator became unstable: NaN
