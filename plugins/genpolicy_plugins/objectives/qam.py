"""Q-learning with adjoint matching: a flow tilts a cloned one by exp(beta Q), step by step.

    x_t by the memoryless chain of the policy (:mod:`genpolicy.memoryless`)
    g_1 = -beta grad_a Q(s, x_1),    g_t = g_s d m_mu(x_t) / d x_t              (the lean adjoint)
    L   = 1/2 sum_t |(m_pi(x_t) - m_mu(x_t)) / S_t + S_t g_s|^2

No gradient goes through the policy's own sampler, and Q is asked for its gradient at the chain's
end alone. The optimum is pi* ~ mu exp(beta Q). Domingo-Enrich et al. 2024, eq. 38-39, arXiv
2409.08861; in reinforcement learning QAM 2026, arXiv 2601.14234.

Differs from QAM: the chain is ancestral sampling of the right spread, where its Euler-Maruyama is
so for many steps alone; the behaviour is the online one, not a slow copy; gradients are cut
by ``train.clip_norm`` alone, not the adjoint.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor

from genpolicy import Backbone, Batch, Critic, GaussianPathBackbone, Loss, option
from genpolicy.memoryless import memoryless_chain
from genpolicy.shapes import sum_rows
from genpolicy.transitions import Transition
from genpolicy_plugins.objectives.stages import Joint


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
        return Loss(behaviour.matching_loss(batch.action, batch.observation).mean())

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
        ascent, q = _ascent(critic, observation, states.pop())
        adjoint, loss = -self.beta * ascent, noise.new_zeros(len(noise))
        ours, size = policy.field(observation), adjoint.abs().mean()
        for x, step in zip(reversed(states), reversed(steps), strict=True):
            base, earlier = _pulled_back(behaviour, observation, adjoint, x, step)
            apart = (step.mean(x, ours(x, step.t)) - base) / step.std
            loss = loss + 0.5 * sum_rows((apart + step.std * adjoint) ** 2)
            adjoint = earlier
        return Loss(loss.mean(), {"q": q.mean(), "adjoint": size})


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


def _ascent(critic: Critic, observation: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient of Q at actions, ``[batch, *sample]``, and Q itself, ``[batch]``."""
    with torch.enable_grad():
        at = action.detach().requires_grad_()
        q = critic.q(observation, at)
        (gradient,) = torch.autograd.grad(q.sum(), at)
    return gradient, q.detach()


def _pulled_back(
    behaviour: GaussianPathBackbone,
    observation: Tensor,
    adjoint: Tensor,
    x: Tensor,
    step: Transition,
) -> tuple[Tensor, Tensor]:
    """Return the behaviour's mean at x, a constant, and the adjoint a step earlier."""
    with torch.enable_grad():
        at = x.detach().requires_grad_()
        mean = step.mean(at, behaviour.velocity(at, step.t, observation))
        (earlier,) = torch.autograd.grad(mean, at, adjoint)
    return mean.detach(), earlier
