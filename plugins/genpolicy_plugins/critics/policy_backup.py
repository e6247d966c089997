"""Action values that are backed up through the policy's own samples: of any number of members.

    a' ~ target_policy(s'),    y = r + discount (1 - terminal) V(s', a')

with V what the members become. ``candidates`` > 1 backs up the best of several a', each member by
itself: Kumar et al. 2020 (CQL), appendix F, arXiv 2006.04779, as used by Wang et al. 2022
(Diffusion-QL), arXiv 2208.06193. ``noise`` smooths the target over actions near a': Fujimoto et al.
2018 (TD3), eq. 14, arXiv 1802.09477. ``penalty`` keeps a' near the data's own next action a'_D, at
a price of penalty |a' - a'_D|^2: Tarasov et al. 2023 (ReBRAC), eq. 5, arXiv 2305.09836.

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
        """Return the error of every member against what the policy gets next."""
        with torch.no_grad():
            following = self.next_value(batch, target_policy, solver)
        return self.td_loss(batch, following)

    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        """Return the value of each action by the online members, ``[batch]``."""
        if self.recipe.climbs == "backup":
            return super().q(observation, action)
        members: Tensor = self.online(self.pair(observation, action))
        return members.mean(0)

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
    climbs: Literal["backup", "mean"] = option(
        "backup", help="what policies climb: the value that is backed up, or the members' mean"
    )
    penalty: float = option(
        0.0, help="price of a next action's squared distance from the data's", ge=0
    )
