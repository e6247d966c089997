"""Batches of transitions for critics: random ones, and ones whose values are known."""

from typing import Final

import torch

from genpolicy.dataset import Batch
from genpolicy.testing.answers import OBSERVATION

GROUP: Final = 24
"""How many transitions of one kind there are among known ones."""

KINDS: Final = ("a reward of 1 at the end", "a step before a reward of 1", "rewards at the end")
"""What is known: a value of 1, of the discount, and of the action's first number."""


def random_batch(shape: tuple[int, ...] = (2,), terminal: float | None = None) -> Batch:
    """Return sixteen transitions in double precision, the same for the same shape.

    Args:
        shape: The shape of an action.
        terminal: Whether they are terminal; ``None`` for every other.
    """
    generator = torch.Generator().manual_seed(1)
    observation, following = torch.randn(2, 16, OBSERVATION, generator=generator).double()
    action, next_action = 2.0 * torch.rand(2, 16, *shape, generator=generator).double() - 1.0
    every_other = torch.arange(16).double() % 2
    return Batch(
        observation=observation,
        action=action,
        reward=torch.randn(16, generator=generator).double(),
        next_observation=following,
        terminal=every_other if terminal is None else torch.full_like(every_other, terminal),
        next_action=next_action,
    )


def known_batch() -> Batch:
    """Return transitions of known values by kind, 24 of each, with random actions in [-1, 1].

    The first observation pays 1 and ends; the second pays nothing and leads to the first; the third
    pays the action's first number and ends.
    """
    first, second, third = torch.eye(OBSERVATION)[:, None].expand(-1, GROUP, -1)
    action, next_action = 2.0 * torch.rand(2, 3 * GROUP, 2) - 1.0
    none, one = torch.zeros(GROUP), torch.ones(GROUP)
    return Batch(
        observation=torch.cat([first, second, third]),
        action=action,
        reward=torch.cat([one, none, action[2 * GROUP :, 0]]),
        next_observation=torch.cat([first, first, third]),
        terminal=torch.cat([one, none, one]),
        next_action=next_action,
    )


def on_device(batch: Batch, device: str) -> Batch:
    """Return a batch on another device."""
    return batch.map(lambda values: values.to(device))
