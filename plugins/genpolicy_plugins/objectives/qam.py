"""Q-learning with adjoint matching: a flow tilts a cloned one by exp(beta Q), step by step.

    x_t by the memoryless chain of the policy (:mod:`genpolicy.memoryless`)
    g_1 = -beta grad_a Q(s, x_1),    g_t = g_s d m_mu(x_t) / d x_t              (the lean adjoint)
    L   = 1/2 sum_t |(m_pi(x_t) - m_mu(x_t)) / S_t + S_t g_s|^2

No gradient goes through the policy's own sampler, and Q is asked for its gradient at the chain's
end alone. The optimum is pi* ~ mu exp(beta Q). Domingo-Enrich et al. 2024, eq. 38-39, arXiv
2409.08861; in reinforcement learning QAM 2026, arXiv 2601.14234.

Differs from QAM: the chain is ancestral sampling of the right spread, where its Euler-Maruyama is
so for many steps alone; the behaviour is the online one, not a slow copy; gradients are cut
by ``train.clip_norm`` alone, not the adjoint; its beta is chosen per task, and ours is one.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor

from genpolicy import Backbone, Batch, Critic, GaussianPathBackbone, Loss, option
from genpolicy.gradients import gradient_at
from genpolicy.memoryless import memoryless_chain
from genpolicy.shapes import repeat_rows, sum_rows
from genpolicy.transitions import Transition
from genpolicy_plugins.objectives.stages import Joint
from genpolicy_plugins.objectives.value_terms import imitation


@attrs.frozen(kw_only=True)
class QAM(Joint):
    """Adjoint matching beside the flow that it tilts."""

    roles: ClassVar[tuple[str, ...]] = ("behaviour", "policy")
    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "flow",
        "backbone.sigma": 0.0,
        "solver": "euler:10",
        "network": "mlp",
        "network.hidden": (512, 512, 512, 512),
        "network.activation": "gelu",
        "critic": "ensemble",
        "critic.hidden": (512, 512, 512, 512),
        "critic.activation": "gelu",
        "critic.layer_norm": True,
        "train.clip_norm": 1.0,
    }

    beta: float = option(1.0, help="inverse temperature: weight of Q against the KL in nats", ge=0)
    chain_steps: int = option(10, help="steps of the chain", ge=1)

    def behaviour_loss(self, batch: Batch, behaviour: Backbone) -> Loss:
        """Return the mean matching loss of the data's actions."""
        return imitation(batch, behaviour)

    def policy_loss(
        self,
        batch: Batch,
        policy: GaussianPathBackbone,
        behaviour: GaussianPathBackbone,
        critic: Critic,
    ) -> Loss:
        """Return how far each step's mean is from the behaviour's, tilted by its adjoint."""
        observation = batch.observation
        noise = policy.draw_noise(observation)
        steps = memoryless_chain(behaviour, batch.action, observation, self.chain_steps)
        states = _chain(policy, observation, noise, steps)
        ascent, q = gradient_at(lambda action: critic.q(observation, action), states.pop())
        adjoint = -self.beta * ascent
        wanted: list[Tensor] = []
        for x, step in zip(reversed(states), reversed(steps), strict=True):
            velocity, earlier = _pulled_back(behaviour, observation, adjoint, x, step)
            wanted.append(velocity - step.std**2 / step.from_velocity * adjoint)
            adjoint = earlier
        wanted.reverse()
        loss = _weighted_distance(policy, observation, states, wanted, steps)
        return Loss(loss.mean(), {"q": q.mean(), "ascent": ascent.abs().mean()})


def _weighted_distance(
    policy: GaussianPathBackbone,
    observation: Tensor,
    states: list[Tensor],
    wanted: list[Tensor],
    steps: list[Transition],
) -> Tensor:
    """Return half the squared distance of means over S^2, summed over the steps, ``[batch]``.

    Means differ by the velocities times what they count for in a step.
    """
    rows, count = len(observation), len(steps)
    t = repeat_rows(torch.stack([step.t for step in steps]), rows)
    weight = torch.stack([(step.from_velocity / step.std) ** 2 for step in steps])
    velocity = policy.velocity(torch.cat(states), t, observation.repeat(count, 1))
    distance = 0.5 * sum_rows((velocity - torch.cat(wanted)) ** 2).reshape(count, rows)
    return (weight[:, None] * distance).sum(0)


@torch.no_grad()
def _chain(
    policy: GaussianPathBackbone, observation: Tensor, noise: Tensor, steps: list[Transition]
) -> list[Tensor]:
    """Return every state of the policy's chain."""
    field, states = policy.field(observation), [noise]
    for step in steps:
        x = states[-1]
        mean = step.mean(x, field(x, step.t))
        states.append(mean + step.std * torch.randn_like(x))
    return states


def _pulled_back(
    behaviour: GaussianPathBackbone,
    observation: Tensor,
    adjoint: Tensor,
    x: Tensor,
    step: Transition,
) -> tuple[Tensor, Tensor]:
    """Return the behaviour's velocity at x, a constant, and the adjoint a step earlier."""
    with torch.no_grad():  # torch.func.vjp differentiates all the same, for its result alone
        pulled = torch.func.vjp(lambda at: behaviour.velocity(at, step.t, observation), x)
        velocity, pull_back = pulled[0], pulled[1]
        (through,) = pull_back(step.from_velocity * adjoint)
    return velocity, step.from_x * adjoint + through
