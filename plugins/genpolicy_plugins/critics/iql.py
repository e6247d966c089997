"""Implicit Q-learning: expectile regression of the value, without asking about unseen actions.

    u   = min_i Qbar_i(s, a) - V(s)
    L_V = |expectile - 1(u < 0)| u^2
    L_Q = 1/2 sum_i (Q_i(s, a) - (r + discount (1 - terminal) V(s')))^2
    Qbar <- tau Q + (1 - tau) Qbar

Kostrikov et al. 2021, eq. 5-6, arXiv 2110.06169; with the constants of Zhang et al. 2024,
arXiv 2412.01245.
"""

import attrs
import torch
from torch import Tensor

from genpolicy import Batch, CriticSpec, ExpectileCritic, Loss, option
from genpolicy_plugins.critics.q_ensemble import QEnsemble, QRecipe
from genpolicy_plugins.networks.batched import BatchedMLP


class IQLCritic(QEnsemble, ExpectileCritic):
    """Two action values, their slow copies, and an observation value."""

    def __init__(self, spec: CriticSpec, recipe: "IQL") -> None:
        super().__init__(spec, recipe, members=2)
        self.state_value = BatchedMLP(
            spec.observation_dim, recipe.hidden, 1, recipe.activation, recipe.layer_norm
        )
        self.recipe = recipe
        self.expectile = recipe.expectile

    def value(self, observation: Tensor) -> Tensor:
        """Return V(s), ``[batch]``."""
        members: Tensor = self.state_value(observation)
        return members.squeeze(0)

    def loss(self, batch: Batch) -> Loss:
        """Return L_V + L_Q, whose weights are disjoint."""
        recipe = self.recipe
        with torch.no_grad():
            target_q = self.target_q(batch.observation, batch.action)
            next_value = self.value(batch.next_observation)
            backup = batch.reward + recipe.discount * (1.0 - batch.terminal) * next_value
        value = self.value(batch.observation)
        gap = target_q - value
        value_loss = torch.where(gap < 0, 1.0 - recipe.expectile, recipe.expectile) * gap**2
        q = self.online(self.pair(batch.observation, batch.action))
        q_loss = 0.5 * ((q - backup) ** 2).sum(0)
        metrics = {
            "value_loss": value_loss.mean().detach(),
            "q_loss": q_loss.mean().detach(),
            "q": q.mean().detach(),
            "value": value.mean().detach(),
        }
        return Loss((value_loss + q_loss).mean(), metrics)


@attrs.frozen(kw_only=True)
class IQL(QRecipe):
    """Implicit Q-learning."""

    expectile: float = option(0.7, help="which expectile the value regresses to", gt=0, lt=1)

    def build(self, spec: CriticSpec) -> IQLCritic:
        """Return a critic with fresh weights."""
        return IQLCritic(spec, self)
