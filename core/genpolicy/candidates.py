"""Several samples per condition and what they are worth, each in the row of its condition."""

import torch
from torch import Tensor

from genpolicy.backbone import Backbone
from genpolicy.critic import Critic
from genpolicy.shapes import group_rows, repeat_rows
from genpolicy.solver import Solver


def draw_candidates(
    policy: Backbone,
    solver: Solver,
    condition: Tensor,
    count: int,
    generator: torch.Generator | None = None,
    *,
    temperature: float = 1.0,
) -> Tensor:
    """Draw samples for every condition, ``[batch, count, *sample]``.

    Args:
        policy: Whose samples.
        solver: Carries noise to them.
        condition: ``[batch, condition]``.
        count: How many samples per condition.
        generator: Draws the noise; ``None`` for torch's global random numbers.
        temperature: What the noise that samples start from is multiplied with.
    """
    rows = repeat_rows(condition, count)
    noise = temperature * policy.draw_noise(rows, generator)
    return group_rows(solver.sample(policy, rows, noise, generator), count)


def value_candidates(critic: Critic, condition: Tensor, candidates: Tensor) -> Tensor:
    """Return the value of every candidate, ``[batch, count]``.

    Args:
        critic: Judges them.
        condition: ``[batch, condition]``.
        candidates: ``[batch, count, *sample]``.
    """
    count = candidates.shape[1]
    return group_rows(critic.q(repeat_rows(condition, count), candidates.flatten(0, 1)), count)
