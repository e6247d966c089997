"""Clipped double Q-learning: the backup asks the policy what it would do next.

    a' ~ target_policy(s'),    y = r + discount (1 - terminal) min_i Qbar_i(s', a')
    L  = sum_i (Q_i(s, a) - y)^2,    Qbar <- tau Q + (1 - tau) Qbar

Fujimoto et al. 2018 (TD3), eq. 10-11, arXiv 1802.09477. ``aggregate=mean`` averages the two: Park
et al. 2025 (FQL), arXiv 2502.02538, whose policy climbs the mean whatever is backed up
(``climbs=mean``). Several candidates, smoothing and a penalty:
:mod:`genpolicy_plugins.critics.policy_backup`.
"""

from typing import Literal

import attrs
from torch import Tensor

from genpolicy import CriticSpec, option
from genpolicy_plugins.critics.policy_backup import PolicyBackup, PolicyBackupRecipe


class DoubleQCritic(PolicyBackup):
    """Two action values.

    Args:
        spec: What it is built for.
        recipe: Its hyper-parameters.
    """

    def __init__(self, spec: CriticSpec, recipe: "DoubleQ") -> None:
        super().__init__(spec, recipe, members=2)
        self.aggregate = recipe.aggregate

    def combine(self, members: Tensor) -> Tensor:
        """Return the smaller of the two, or their mean."""
        return members.amin(0) if self.aggregate == "min" else members.mean(0)


@attrs.frozen(kw_only=True)
class DoubleQ(PolicyBackupRecipe):
    """Clipped double Q-learning through the policy's samples."""

    aggregate: Literal["min", "mean"] = option("min", help="what the two values become")

    def build(self, spec: CriticSpec) -> DoubleQCritic:
        """Return a critic with fresh weights."""
        return DoubleQCritic(spec, self)
