"""Imitate what turned out better than expected.

    L = E_{(s,a)~D}[ 1(Q(s, a) > V(s)) matching_loss(a | s) ]

Wang et al. 2020 ("Critic regularized regression"), eq. 2, arXiv 2006.15134.
"""

import attrs
import torch

from genpolicy import Backbone, Batch, Loss, Objective, Stage, ValueCritic, option


@attrs.frozen(kw_only=True)
class Example(Objective):
    """Cloning of the better actions."""

    steps: int = option(12_000, help="optimiser steps, of critic and policy alike", ge=1)
    learning_rate: float = option(1e-3, help="Adam's learning rate for the policy", gt=0)
    critic_learning_rate: float = option(1e-3, help="Adam's learning rate for the critic", gt=0)
    batch_size: int = option(256, help="transitions per step", ge=1)

    def stages(self) -> tuple[Stage, ...]:
        """Return the one stage, in which both train."""
        rates = {"critic": self.critic_learning_rate, "policy": self.learning_rate}
        return (
            Stage(name="both", steps=self.steps, batch_size=self.batch_size, learning_rates=rates),
        )

    def policy_loss(self, batch: Batch, policy: Backbone, critic: ValueCritic) -> Loss:
        """Return the mean matching loss, of the better actions alone."""
        with torch.no_grad():  # what is better is the critic's to learn
            q = critic.q(batch.observation, batch.action)
            better = (q > critic.value(batch.observation)).to(q.dtype)
        loss = better * policy.matching_loss(batch.action, batch.observation)
        return Loss(loss.mean(), {"kept": better.mean()})
