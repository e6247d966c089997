"""Generative model policy gradient: through the sampler, with the exact divergence from the data.

    L = E_{s~D, a~pi(.|s)}[ -beta Q(s, a) + log pi(a | s) - log mu(a | s) ]

mu is the behaviour, cloned first; pi starts from it. The optimum is pi* ~ mu exp(beta Q).
Zhang et al. 2024, arXiv 2412.01245; released code, ``gmpg.py``.

Differs from the paper: the action and its log-density are integrated together from noise to action
and differentiated as computed, where the released code drops the gradient through the state from
its adjoint; log-densities are in nats, where it has bits per dimension, so its beta is
beta / (d ln 2) of ours for actions of d dimensions; and tens of solver steps serve where it has a
thousand, the same in training and acting.
"""

import attrs

from genpolicy import Backbone, Batch, Critic, Loss, Objective, OdeSolver, Stage, option
from genpolicy.backbone import VelocityBackbone
from genpolicy.density import draw_probe, log_prob, sample_with_log_prob


@attrs.frozen(kw_only=True)
class GMPG(Objective):
    """Policy gradient through the sampler with an exact divergence from the behaviour."""

    beta: float = option(4.0, help="inverse temperature: weight of Q against the KL in nats", ge=0)
    exact_divergence: bool = option(
        True, help="one backward pass per action dimension; false: one fixed probe per solve"
    )
    behaviour_steps: int = option(500_000, help="optimiser steps of the behaviour", ge=0)
    behaviour_learning_rate: float = option(
        1e-4, help="Adam's learning rate for the behaviour", gt=0
    )
    critic_steps: int = option(1_000_000, help="optimiser steps of the critic", ge=0)
    critic_learning_rate: float = option(3e-4, help="Adam's learning rate for the critic", gt=0)
    policy_steps: int = option(10_000, help="optimiser steps of the policy", ge=0)
    policy_learning_rate: float = option(3e-5, help="Adam's learning rate for the policy", gt=0)
    batch_size: int = option(4096, help="transitions per behaviour and critic step", ge=1)
    policy_batch_size: int = option(40_960, help="observations per policy step", ge=1)

    def stages(self) -> tuple[Stage, ...]:
        """Return the behaviour's stage, the critic's, and the policy's from the behaviour."""
        return (
            Stage(
                name="behaviour",
                steps=self.behaviour_steps,
                batch_size=self.batch_size,
                learning_rates={"behaviour": self.behaviour_learning_rate},
            ),
            Stage(
                name="critic",
                steps=self.critic_steps,
                batch_size=self.batch_size,
                learning_rates={"critic": self.critic_learning_rate},
            ),
            Stage(
                name="policy",
                steps=self.policy_steps,
                batch_size=self.policy_batch_size,
                learning_rates={"policy": self.policy_learning_rate},
                copies={"policy": "behaviour"},
            ),
        )

    def behaviour_loss(self, batch: Batch, behaviour: Backbone) -> Loss:
        """Return the mean matching loss of the data's actions."""
        return Loss(behaviour.matching_loss(batch.action, batch.observation).mean())

    def policy_loss(
        self,
        batch: Batch,
        policy: VelocityBackbone,
        behaviour: VelocityBackbone,
        critic: Critic,
        solver: OdeSolver,
    ) -> Loss:
        """Return -beta Q + KL(pi || mu) of the policy's own actions."""
        observation = batch.observation
        noise = policy.draw_noise(observation)
        probe = None if self.exact_divergence else draw_probe(noise)
        action, log_pi = sample_with_log_prob(policy, observation, noise, solver, probe=probe)
        log_mu = log_prob(behaviour, action, observation, solver, probe=probe)
        q = critic.q(observation, action)
        kl = log_pi - log_mu
        metrics = {"kl": kl.mean().detach(), "q": q.mean().detach()}
        return Loss((kl - self.beta * q).mean(), metrics)
