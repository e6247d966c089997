"""Behaviour cloning: imitate the data with any backbone.

L = E_{(s,a)~D}[ matching_loss(a | s) ]
"""

import attrs

from genpolicy import Backbone, Batch, Loss, Objective, Stage, option


@attrs.frozen(kw_only=True)
class BC(Objective):
    """Behaviour cloning."""

    steps: int = option(500_000, help="optimiser steps", ge=1)
    learning_rate: float = option(1e-4, help="Adam's learning rate", gt=0)
    batch_size: int = option(4096, help="transitions per step", ge=1)

    def stages(self) -> tuple[Stage, ...]:
        """Return the one stage."""
        rates = {"policy": self.learning_rate}
        return (
            Stage(
                name="policy", steps=self.steps, batch_size=self.batch_size, learning_rates=rates
            ),
        )

    def policy_loss(self, batch: Batch, policy: Backbone) -> Loss:
        """Return the mean matching loss of the data's actions."""
        return Loss(policy.matching_loss(batch.action, batch.observation).mean())
