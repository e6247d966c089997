"""Clipped double Q-learning: the backup asks the policy what it would do next.

    a' ~ target_policy(s'),    V = min_i Qbar_i(s', a') - penalty |a' - a'_D|^2
    y  = r + discount (1 - terminal) V
    L  = sum_i (Q_i(s, a) - y)^2,    Qbar <- tau Q + (1 - tau) Qbar

Fujimoto et al. 2018 (TD3), eq. 10-11, arXiv 1802.09477. ``candidates`` > 1 backs up the best of
several a', each Q_i by itself and less its price: Kumar et al. 2020 (CQL), appendix F, arXiv
2006.04779, as used by Wang et al. 2022 (Diffusion-QL), arXiv 2208.06193. ``noise`` smooths the
target over actions near a': TD3, eq. 14. ``penalty`` keeps a' near the data's own next action a'_D:
Tarasov et al. 2023 (ReBRAC), eq. 5, arXiv 2305.09836. ``aggregate=mean`` averages where the above
take the smaller: Park et al. 2025 (FQL), arXiv 2502.02538.

Differs from the papers: a' comes from the slow copy of the policy always; a method whose target
asks the policy itself, as FQL's, sets ``train.target_rate=1``.
"""

from typing import Literal

import attrs
import torch
from torch import Tensor

from genpolicy import Backbone, Batch, CriticSpec, Loss, Solver, option
from genpolicy.candidates import draw_candidates
from genpolicy.shapes import repeat_rows, sum_rows
from genpolicy_plugins.critics.q_ensemble import QEnsemble, QRecipe


class PolicyBackup(QEnsemble):
    """Action values that are backed up through the policy's own samples.

    Args:
        spec: What it is built for.
        recipe: Its hyper-parameters.
        members: How many values there are of each action.
    """

    def __init__(self, spec: CriticSpec, recipe: "PolicyBackupRecipe", members: int) -> None:
        super().__init__(spec, recipe, members)
        self.recipe = recipe

    def loss(self, batch: Batch, target_policy: Backbone, solver: Solver) -> Loss:
        """Return the squared error of every member against the one backup, summed over members."""
        with torch.no_grad():
            following = self.next_value(batch, target_policy, solver)
            backup = batch.reward + self.recipe.discount * (1.0 - batch.terminal) * following
        q = self.online(self.pair(batch.observation, batch.action))
        loss = ((q - backup) ** 2).sum(0).mean()
        return Loss(loss, {"q": q.mean().detach(), "backup": backup.mean()})

    def next_value(self, batch: Batch, target_policy: Backbone, solver: Solver) -> Tensor:
        """Return what the policy gets from where a transition ended, ``[batch]``."""
        count = self.recipe.candidates
        drawn = draw_candidates(target_policy, solver, batch.next_observation, count)
        action = self.inside(self._smoothed(drawn.flatten(0, 1)))
        rows = repeat_rows(batch.next_observation, count)
        members = self.target(self.pair(rows, action))  # [members, batch · count]
        if self.recipe.penalty:
            apart = action - repeat_rows(batch.next_action, count)
            members = members - self.recipe.penalty * sum_rows(apart**2)
        best = members.reshape(len(members), -1, count).amax(2)
        return self.combine(best)

    def _smoothed(self, action: Tensor) -> Tensor:
        recipe = self.recipe
        if not recipe.noise:
            return action
        noise = recipe.noise * torch.randn_like(action)
        return action + noise.clamp(-recipe.noise_clip, recipe.noise_clip)


@attrs.frozen(kw_only=True)
class PolicyBackupRecipe(QRecipe):
    """The hyper-parameters of critics that ask the policy what it would do next."""

    candidates: int = option(1, help="next actions of which the best is backed up", ge=1)
    noise: float = option(0.0, help="standard deviation of noise on next actions", ge=0)
    noise_clip: float = option(0.5, help="largest noise on a next action", gt=0)
    penalty: float = option(
        0.0, help="price of a next action's squared distance from the data's", ge=0
    )


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
