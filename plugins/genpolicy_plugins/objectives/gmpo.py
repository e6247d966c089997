"""Generative model policy optimisation: advantage-weighted matching.

    L = E_{(s,a)~D}[ min(exp(beta (Q(s, a) - V(s))), max_weight) matching_loss(a | s) ]

Q is the smaller of the two online values. The optimum is pi* ~ mu exp(beta Q).
Zhang et al. 2024, arXiv 2412.01245; released code, ``gmpo.py``.
"""

import attrs
from torch import Tensor

from genpolicy import Backbone, Batch, Loss, Objective, Stage, ValueCritic, option
from genpolicy_plugins.objectives.value_terms import advantage_weight


@attrs.frozen(kw_only=True)
class GMPO(Objective):
    """Advantage-weighted matching."""

    beta: float = option(1.0, help="inverse temperature of the weights", ge=0)
    max_weight: float = option(100.0, help="where weights are cut", gt=0)
    critic_steps: int = option(1_000_000, help="optimiser steps of the critic", ge=0)
    critic_learning_rate: float = option(3e-4, help="Adam's learning rate for the critic", gt=0)
    policy_steps: int = option(2_000_000, help="optimiser steps of the policy", ge=0)
    policy_learning_rate: float = option(1e-4, help="Adam's learning rate for the policy", gt=0)
    batch_size: int = option(4096, help="transitions per step", ge=1)

    def stages(self) -> tuple[Stage, ...]:
        """Return the critic's stage, then the policy's."""
        return (
            Stage(
                name="critic",
                steps=self.critic_steps,
                batch_size=self.batch_size,
                learning_rates={"critic": self.critic_learning_rate},
            ),
            Stage(
                name="policy",
                steps=self.policy_steps,
                batch_size=self.batch_size,
                learning_rates={"policy": self.policy_learning_rate},
            ),
        )

    def weight(self, batch: Batch, critic: ValueCritic) -> Tensor:
        """Return how much the data's actions weigh, ``[batch]``."""
        return advantage_weight(batch, critic, self.beta, self.max_weight)

    def policy_loss(self, batch: Batch, policy: Backbone, weight: Tensor) -> Loss:
        """Return the weighted matching loss of the data's actions."""
        matching = policy.matching_loss(batch.action, batch.observation)
        metrics = {
            "matching_loss": matching.mean().detach(),
            "weight": weight.mean(),
            "clipped": (weight >= self.max_weight).float().mean(),
        }
        return Loss((weight * matching).mean(), metrics)
