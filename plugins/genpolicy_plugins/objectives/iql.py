"""Implicit Q-learning's policy: a Gaussian by advantage-weighted regression.

    L = E_{(s,a)~D}[ -min(exp(beta (Q(s, a) - V(s))), max_weight) log pi(a | s) ]

acting by its mean. Kostrikov et al. 2021, eq. 7, arXiv 2110.06169; the critic is ``iql``.

Differs from the paper: the advantage is that of the online values, where its code takes their slow
copies; no dropout, and nothing squashes the mean.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
from torch import Tensor

from genpolicy import Backbone, Batch, Loss, ValueCritic, option
from genpolicy_plugins.objectives.stages import Joint
from genpolicy_plugins.objectives.value_terms import advantage_weight


@attrs.frozen(kw_only=True)
class IQL(Joint):
    """Advantage-weighted regression beside its critic."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "gaussian",
        "backbone.std": "shared",
        "network": "mlp",
        "network.hidden": (256, 256),
        "critic": "iql",
        "inference": "sample",
        "inference.temperature": 0.0,
        "train.online_noise": 0.1,
    }

    beta: float = option(3.0, help="inverse temperature of the weights", ge=0)
    max_weight: float = option(100.0, help="where weights are cut", gt=0)

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
