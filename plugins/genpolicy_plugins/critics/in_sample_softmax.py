"""Backups by the softmax of Q over samples of the behaviour, which are near the data.

    a'_k ~ behaviour(s'),    V(s') = sum_k softmax_k(beta Qbar(s', a'_k)) Qbar(s', a'_k)
    y    = r + discount (1 - terminal) V(s')

Lu et al. 2023 (QGPO), eq. 16, arXiv 2304.12824. With ``planning`` the data's own next action a'_D
counts where it is better,

    y = r + discount (1 - terminal) max(Qbar(s', a'_D), V(s')),

so that a good stretch of the data hands its return back: Chen et al. 2023 (SfBC), eq. 12,
arXiv 2209.14548.

Differs from QGPO: candidates are drawn anew at every step, not once for the whole dataset. Differs
from SfBC: its R_n = r_n + discount max(R_{n+1}, V_{n+1}) is computed along whole episodes, a few
times in all; here the slow copy of Q stands for R_{n+1}, at every step; and where an episode was
cut, the data's next action is not known, and the last one stands for it.
"""

import attrs
import torch
from torch import Tensor

from genpolicy import Backbone, Batch, CriticSpec, Loss, Solver, option
from genpolicy.candidates import draw_candidates
from genpolicy.shapes import group_rows, repeat_rows
from genpolicy_plugins.critics.q_ensemble import QEnsemble, QRecipe


class InSampleSoftmaxCritic(QEnsemble):
    """Two action values, backed up through samples of the behaviour.

    Args:
        spec: What it is built for.
        recipe: Its hyper-parameters.
    """

    def __init__(self, spec: CriticSpec, recipe: "InSampleSoftmax") -> None:
        super().__init__(spec, recipe, members=2)
        self.recipe = recipe

    def loss(self, batch: Batch, behaviour: Backbone, behaviour_solver: Solver) -> Loss:
        """Return the error of both members against the softmax over the behaviour's samples."""
        with torch.no_grad():
            following = self.next_value(batch, behaviour, behaviour_solver)
        return self.td_loss(batch, following)

    def next_value(self, batch: Batch, behaviour: Backbone, solver: Solver) -> Tensor:
        """Return what follows where a transition ended, ``[batch]``."""
        recipe, observation = self.recipe, batch.next_observation
        drawn = draw_candidates(behaviour, solver, observation, recipe.candidates)
        rows = repeat_rows(observation, recipe.candidates)
        q = group_rows(self.target_q(rows, drawn.flatten(0, 1)), recipe.candidates)
        value: Tensor = (torch.softmax(recipe.beta * q, dim=1) * q).sum(1)
        if not recipe.planning:
            return value
        return torch.maximum(value, self.target_q(observation, batch.next_action))


@attrs.frozen(kw_only=True)
class InSampleSoftmax(QRecipe):
    """Backups by the softmax of Q over samples of the behaviour."""

    beta: float = option(1.0, help="inverse temperature of the softmax over candidates", ge=0)
    candidates: int = option(16, help="samples of the behaviour per backup", ge=1)
    planning: bool = option(False, help="back up the data's next action where that is better")

    def build(self, spec: CriticSpec) -> InSampleSoftmaxCritic:
        """Return a critic with fresh weights."""
        return InSampleSoftmaxCritic(spec, self)
