"""Behaviour cloning: imitate the data with any backbone, all of them or the rewarded ones more.

    L = E_{(s,a)~D}[ w matching_loss(a | s) ],    w = min(exp(beta r), max_weight)

With beta = 0, the default, every action weighs the same. With beta > 0 it is reward-weighted
regression: Peters & Schaal 2007, ICML, eq. 9. It sees the immediate reward alone, which is the
whole return where an action ends its episode.
"""

from collections.abc import Mapping

import attrs
import torch

from genpolicy import Backbone, Batch, Loss, Objective, Stage, option


@attrs.frozen(kw_only=True)
class BC(Objective):
    """Behaviour cloning."""

    beta: float = option(0.0, help="inverse temperature of weights exp(beta r); 0: none", ge=0)
    max_weight: float = option(100.0, help="where weights are cut", gt=0)
    steps: int = option(500_000, help="optimiser steps", ge=1)
    learning_rate: float = option(1e-4, help="Adam's learning rate", gt=0)
    batch_size: int = option(4096, help="transitions per step", ge=1)

    def expected_failures(self) -> Mapping[str, str]:
        """Return what it does not learn unless rewards weigh."""
        return {} if self.beta else {"it_learns_which_actions_are_good": "it imitates all alike"}

    def stages(self) -> tuple[Stage, ...]:
        """Return the one stage."""
        rates = {"policy": self.learning_rate}
        return (
            Stage(
                name="policy", steps=self.steps, batch_size=self.batch_size, learning_rates=rates
            ),
        )

    def online_stage(self, steps: int) -> None:
        """Return no stage: to imitate what it does itself teaches it nothing."""

    def policy_loss(self, batch: Batch, policy: Backbone) -> Loss:
        """Return the mean matching loss of the data's actions, weighted if so asked."""
        matching = policy.matching_loss(batch.action, batch.observation)
        if self.beta == 0.0:
            return Loss(matching.mean())
        weight = torch.exp(self.beta * batch.reward).clamp(max=self.max_weight)
        return Loss((weight * matching).mean(), {"weight": weight.mean()})
