"""What objectives weigh imitation by and against: advantages, scale-free values."""

import torch
from torch import Tensor

from genpolicy import (
    Backbone,
    Batch,
    Critic,
    DifferentiableSolver,
    Loss,
    OneStepBackbone,
    Solver,
    ValueCritic,
)
from genpolicy.shapes import sum_rows


def imitation(batch: Batch, policy: Backbone) -> Loss:
    """Return the mean matching loss of the data's actions."""
    return Loss(policy.matching_loss(batch.action, batch.observation).mean())


@torch.no_grad()
def advantage_weight(batch: Batch, critic: ValueCritic, beta: float, max_weight: float) -> Tensor:
    """Return min(exp(beta (Q(s, a) - V(s))), max_weight) of the data, a constant, ``[batch]``."""
    advantage = critic.q(batch.observation, batch.action) - critic.value(batch.observation)
    return torch.exp(beta * advantage).clamp(max=max_weight)


def effective_count(weight: Tensor) -> Tensor:
    """Return how many candidates weigh anything, on average: 1 / sum of squares of each row."""
    return (1.0 / (weight**2).sum(1)).mean()


def scaled(q: Tensor) -> Tensor:
    """Return values by their mean size, a constant: what they are in whatever unit of reward."""
    return q / q.detach().abs().mean().clamp(min=1e-6)


def own_value(
    batch: Batch, policy: Backbone, critic: Critic, solver: DifferentiableSolver
) -> Tensor:
    """Return the value of the policy's own actions, with gradients through sampler and critic.

    Returns:
        ``[batch]``.
    """
    observation = batch.observation
    action = solver.sample(policy, observation, policy.draw_noise(observation))
    return critic.q(observation, action)


def matching_per_dimension(batch: Batch, policy: Backbone) -> Tensor:
    """Return the data's matching loss per dimension of an action, ``[batch]``.

    Twice the loss over the dimensions: for a half squared error the mean squared error that papers
    weigh values against.
    """
    matching = policy.matching_loss(batch.action, batch.observation)
    return 2.0 * matching / batch.action[0].numel()


def distil(
    observation: Tensor, student: OneStepBackbone, behaviour: Backbone, solver: Solver
) -> tuple[Tensor, Tensor]:
    """Send the same noise through student and behaviour.

    Returns:
        The student's actions, ``[batch, *sample]``, and their mean squared distance per dimension
        from the behaviour's, ``[batch]``, with no gradient to the behaviour.
    """
    noise = behaviour.draw_noise(observation)
    with torch.no_grad():
        taught = solver.sample(behaviour, observation, noise)
    action = student.transport(noise * (student.prior_std / behaviour.prior_std), observation)
    return action, sum_rows((action - taught) ** 2) / action[0].numel()
