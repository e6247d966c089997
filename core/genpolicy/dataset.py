"""Transitions: what is known of them, what one batch of them is, and who provides them."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genpolicy.chunking import in_chunks
from genpolicy.errors import DataError
from genpolicy.recipe import Recipe, option

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


@attrs.frozen(eq=False, kw_only=True)
class Batch:
    """Transitions that a loss is computed on.

    Args:
        observation: What the agent saw, ``[batch, observation]``.
        action: What it did, ``[batch, *sample]``.
        reward: What it got, ``[batch]``.
        next_observation: What it saw next, ``[batch, observation]``.
        terminal: 1.0 where the task ended there, so that nothing follows, ``[batch]``; a time-out
            is not an end.
        next_action: What it did next, ``[batch, *sample]``; ``action`` where the data do not say.
    """

    observation: Tensor
    action: Tensor
    reward: Tensor
    next_observation: Tensor
    terminal: Tensor
    next_action: Tensor

    def __len__(self) -> int:
        return len(self.reward)


@attrs.frozen(kw_only=True)
class EnvironmentSpec:
    """How to make the environment that a dataset came from.

    Args:
        id: Gymnasium's id, with the module that registers it: ``"gymnasium_robotics:PointMaze…"``.
        kwargs: Arguments of ``gymnasium.make``.
        observation_keys: For dict observations, the entries that are flattened into one vector, in
            this order; empty for plain observations.
        horizon: Evaluation episodes are cut after this many steps.
    """

    id: str
    kwargs: Mapping[str, Any] = attrs.field(factory=dict)
    observation_keys: tuple[str, ...] = ()
    horizon: int

    def as_json(self) -> dict[str, Any]:
        """Return the specification as JSON values."""
        return {
            "id": self.id,
            "kwargs": dict(self.kwargs),
            "observation_keys": list(self.observation_keys),
            "horizon": self.horizon,
        }


@attrs.frozen(kw_only=True)
class Reference:
    """Returns between which a score is normalised.

    Args:
        random_return: The mean return of random actions (score 0).
        expert_return: The mean return of an expert (score 100).
        source: How they were measured, or who published them.

    Raises:
        DataError: Both returns are the same, so that no score lies between them.
    """

    random_return: float
    expert_return: float
    source: str

    def __attrs_post_init__(self) -> None:
        if self.random_return == self.expert_return:
            raise DataError(
                f"a reference needs a random_return and an expert_return that differ; both are "
                f"{self.random_return} (source: {self.source or 'not given'}); correct one of "
                "them, or leave the reference out to be scored without normalising"
            )


@attrs.frozen(eq=False, kw_only=True)
class Dataset:
    """Transitions in memory, checked when made.

    Args:
        name: What the user called it.
        observation: ``[transition, observation]``, 32-bit floats.
        action: ``[transition, *sample]``, 32-bit floats.
        reward: ``[transition]``.
        next_observation: ``[transition, observation]``.
        terminal: ``[transition]``, true where the task ended.
        timeout: ``[transition]``, true where an episode was cut without an end.
        action_low: The smallest action allowed, ``[*sample]`` or its last dimension alone.
        action_high: The largest action allowed, likewise.
        stride: How many rows on the next decision of an episode lies; that of chunks is their
            length.
        environment: Where a policy can be scored, if anywhere.
        reference: Between which returns its scores are normalised, if known.

    Raises:
        DataError: The arrays cannot be what they claim to be; the message names the array, the
            first row at fault and what would do.
    """

    name: str
    observation: Floats
    action: Floats
    reward: Floats
    next_observation: Floats
    terminal: Flags
    timeout: Flags
    action_low: Floats
    action_high: Floats
    stride: int = 1
    environment: EnvironmentSpec | None = None
    reference: Reference | None = None

    def __attrs_post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.reward)

    @property
    def episodes(self) -> int:
        """How many episodes it holds, an unfinished last one included."""
        ends = self.terminal | self.timeout
        return int(ends.sum()) + int(not ends[-1])

    def fingerprint(self) -> str:
        """Return the SHA-256 of the content, in hexadecimal; the name does not count."""
        digest = hashlib.sha256()
        for name in ("observation", "action", "reward", "next_observation", "terminal", "timeout"):
            array = np.ascontiguousarray(getattr(self, name))
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(array.data)
        return digest.hexdigest()

    def next_action(self) -> Floats:
        """Return the action of every transition's successor, ``[transition, *sample]``.

        The last action of an episode, which has none, is repeated.
        """
        here = np.arange(len(self))
        there = np.minimum(here + self.stride, len(self) - 1)
        follows = (self.observation[there] == self.next_observation).all(axis=1)
        follows &= ~(self.terminal | self.timeout) & (here + self.stride < len(self))
        following: Floats = self.action[np.where(follows, there, here)]
        return following

    def to_batch(self, device: torch.device) -> Batch:
        """Return all transitions as one batch on a device."""
        return Batch(
            observation=torch.as_tensor(self.observation, device=device),
            action=torch.as_tensor(self.action, device=device),
            reward=torch.as_tensor(self.reward, device=device),
            next_observation=torch.as_tensor(self.next_observation, device=device),
            terminal=torch.as_tensor(self.terminal, device=device).float(),
            next_action=torch.as_tensor(self.next_action(), device=device),
        )


@attrs.frozen(kw_only=True)
class DatasetRecipe(Recipe, ABC):
    """A source of transitions, which a subclass loads; :meth:`prepare` is what a run learns from.

    ``default_recipe`` names the settings that a run on this data starts from when the user names
    none; without it, every part's own defaults hold.
    """

    default_recipe: ClassVar[str | None] = None

    chunk: int = option(1, help="actions per decision; a sample is that many in a row", ge=1)

    @abstractmethod
    def load(self) -> Dataset:
        """Return the transitions, one action each.

        Raises:
            DataError: They cannot be had or used; the message says what would work.
        """

    def prepare(self) -> Dataset:
        """Return what a run learns from: the transitions, in chunks of actions if so asked.

        Raises:
            DataError: They cannot be had or used, or no episode is as long as a chunk.
        """
        return in_chunks(self.load(), self.chunk)


def _check(data: Dataset) -> None:
    _check_shapes(data)
    for name in ("observation", "action", "reward", "next_observation"):
        _check_finite(data.name, name, getattr(data, name))
    _check_box(data)


def _check_shapes(data: Dataset) -> None:
    count = len(data.reward)
    if count == 0:
        raise DataError(f"dataset {data.name!r} has no transitions")
    for name, (ranks, words) in _RANKS.items():
        array = getattr(data, name)
        if array.ndim not in ranks or len(array) != count:
            raise DataError(
                f"dataset {data.name!r}: {name} must be {words} with {count} rows, one per reward; "
                f"its shape is {array.shape}"
            )
        expected = np.dtype(np.bool_ if name in ("terminal", "timeout") else np.float32)
        if array.dtype != expected:
            raise DataError(f"dataset {data.name!r}: {name} must be {expected}, is {array.dtype}")
    if data.observation.shape != data.next_observation.shape:
        raise DataError(
            f"dataset {data.name!r}: next_observation has shape {data.next_observation.shape}, "
            f"observation {data.observation.shape}; they must agree"
        )
    box = data.action.shape[1:]
    if any(bound.shape not in (box, box[-1:]) for bound in (data.action_low, data.action_high)):
        raise DataError(
            f"dataset {data.name!r}: actions have shape {box}, their bounds "
            f"{data.action_low.shape} and {data.action_high.shape}"
        )


def _check_finite(dataset: str, name: str, array: NDArray[Any]) -> None:
    if np.isfinite(array).all():
        return
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    raise DataError(
        f"dataset {dataset!r}: {name} is not finite in {int(bad.sum())} of {len(array)} rows, "
        f"first in row {int(bad.argmax())}; remove or repair these rows"
    )


def _check_box(data: Dataset) -> None:
    slack = 1e-4 * (data.action_high - data.action_low)
    outside = (data.action < data.action_low - slack) | (data.action > data.action_high + slack)
    bad = outside.reshape(len(data), -1).any(axis=1)
    if bad.any():
        raise DataError(
            f"dataset {data.name!r}: {int(bad.sum())} of {len(data)} actions lie outside the box "
            f"from {data.action_low.tolist()} to {data.action_high.tolist()}, first in row "
            f"{int(bad.argmax())}; clip them or give the right bounds"
        )


_VECTOR, _MATRIX = (range(1, 2), "a vector"), (range(2, 3), "a matrix")
_RANKS = {
    "reward": _VECTOR,
    "observation": _MATRIX,
    "action": (range(2, 33), "a matrix, or an array of more dimensions,"),
    "next_observation": _MATRIX,
    "terminal": _VECTOR,
    "timeout": _VECTOR,
}
