"""Generative model policy gradient: through the sampler, with a divergence from the data.

    L = E_{s~D, a~pi(.|s)}[ -beta Q(s, a) + log pi(a | s) - log mu(a | s) ]

mu is the behaviour, cloned first; pi starts from it. The optimum is pi* ~ mu exp(beta Q).
Zhang et al. 2024, arXiv 2412.01245; released code, ``gmpg.py``.

With ``kl=path`` the divergence is that of the whole memoryless chains of pi and mu, an upper bound
of theirs that needs no divergence of the network and no second derivatives; its optimum ends in the
same pi* (:mod:`genpolicy.memoryless`):

    L = E[ -beta Q(s, x_1) + 1/2 sum_t |m_pi(x_t) - m_mu(x_t)|^2 / S_t^2 ],   x_t by the chain of pi

Differs from the paper: the action and its log-density are integrated together from noise to action
and differentiated as computed, where the released code drops the gradient through the state from
its adjoint; log-densities are in nats, where it has bits per dimension, so its beta is
beta / (d ln 2) of ours for actions of d dimensions; and tens of solver steps serve where it has a
thousand, the same in training and acting.
"""

from collections.abc import Mapping
from typing import Any, Literal

import attrs
import torch
from torch import Tensor

from genpolicy import Batch, Critic, GaussianPathBackbone, Loss, OdeSolver, Stage, option
from genpolicy.backbone import VelocityBackbone
from genpolicy.density import draw_probe, log_prob, sample_with_log_prob
from genpolicy.memoryless import memoryless_chain
from genpolicy.shapes import sum_rows
from genpolicy_plugins.objectives.stages import PolicyLast


@attrs.frozen(kw_only=True)
class GMPG(PolicyLast):
    """Policy gradient through the sampler with a divergence from the behaviour."""

    beta: float = option(4.0, help="inverse temperature: weight of Q against the KL in nats", ge=0)
    kl: Literal["density", "path"] = option(
        "density", help="divergence of the actions, or of the chains that lead there: a bound"
    )
    exact_divergence: bool = option(
        True, help="one backward pass per action dimension; false: one fixed probe per solve"
    )
    chain_steps: int = option(20, help="steps of the chains of kl=path", ge=1)
    policy_batch_size: int = option(40_960, help="observations per policy step", ge=1)

    def further_needs(self) -> Mapping[str, Any]:
        """Return what chains ask for: a path whose noise is independent of the samples."""
        if self.kl == "density":
            return {}
        return {"policy": GaussianPathBackbone, "behaviour": GaussianPathBackbone}

    def stages(self) -> tuple[Stage, ...]:
        """Return the behaviour's stage, the critic's, and the policy's from the behaviour."""
        last = self.acting_stage(copies={"policy": "behaviour"})
        return self.behaviour_stage(), self.critic_stage(), last

    def policy_loss(
        self,
        batch: Batch,
        policy: VelocityBackbone,
        behaviour: VelocityBackbone,
        critic: Critic,
        solver: OdeSolver,
    ) -> Loss:
        """Return -beta Q + KL(pi || mu) of the policy's own actions."""
        if self.kl == "density":
            action, kl = self._density(batch.observation, policy, behaviour, solver)
        else:
            assert isinstance(policy, GaussianPathBackbone)
            assert isinstance(behaviour, GaussianPathBackbone)
            action, kl = _path(batch, policy, behaviour, self.chain_steps)
        q = critic.q(batch.observation, action)
        metrics = {"kl": kl.mean().detach(), "q": q.mean().detach()}
        return Loss((kl - self.beta * q).mean(), metrics)

    def _density(
        self,
        observation: Tensor,
        policy: VelocityBackbone,
        behaviour: VelocityBackbone,
        solver: OdeSolver,
    ) -> tuple[Tensor, Tensor]:
        """Return actions and log pi - log mu of them."""
        noise = policy.draw_noise(observation)
        probe = None if self.exact_divergence else draw_probe(noise)
        action, log_pi = sample_with_log_prob(policy, observation, noise, solver, probe=probe)
        return action, log_pi - log_prob(behaviour, action, observation, solver, probe=probe)


def _path(
    batch: Batch, policy: GaussianPathBackbone, behaviour: GaussianPathBackbone, steps: int
) -> tuple[Tensor, Tensor]:
    """Return actions and the divergence of the chain that led to each."""
    observation = batch.observation
    ours, theirs = policy.field(observation), behaviour.field(observation)
    x = policy.draw_noise(observation)
    kl = x.new_zeros(len(x))
    for step in memoryless_chain(behaviour, batch.action, observation, steps):
        velocity = ours(x, step.t)
        apart = step.from_velocity / step.std * (velocity - theirs(x, step.t))
        kl = kl + 0.5 * sum_rows(apart**2)
        x = step.mean(x, velocity) + step.std * torch.randn_like(x)
    return x, kl
