"""An ensemble of action values, trusted as far as its members agree: mean - rho std.

    y = r + discount (1 - terminal) (mean_i Qbar_i(s', a') - rho std_i Qbar_i(s', a'))

The lower confidence bound of Ghasemipour et al. 2022 ("Why so pessimistic?"), arXiv 2205.13703,
with the one shared target and the constants of QAM, 2026, arXiv 2601.14234.

The policy climbs the same bound, or with ``climbs=mean`` the mean.
"""

import attrs
from torch import Tensor

from genpolicy import CriticSpec, option
from genpolicy_plugins.critics.policy_backup import PolicyBackup, PolicyBackupRecipe


class EnsembleCritic(PolicyBackup):
    """Many action values.

    Args:
        spec: What it is built for.
        recipe: Its hyper-parameters.
    """

    def __init__(self, spec: CriticSpec, recipe: "Ensemble") -> None:
        super().__init__(spec, recipe, recipe.members)
        self.rho = recipe.rho

    def combine(self, members: Tensor) -> Tensor:
        """Return mean - rho std; the std is that of the members themselves, over their number."""
        mean: Tensor = members.mean(0)
        return mean - self.rho * members.std(0, correction=0) if self.rho else mean


@attrs.frozen(kw_only=True)
class Ensemble(PolicyBackupRecipe):
    """Many action values in one batched network, less a share of their spread."""

    members: int = option(10, help="how many action values", ge=2)
    rho: float = option(0.5, help="how many standard deviations are taken off the mean", ge=0)

    def build(self, spec: CriticSpec) -> EnsembleCritic:
        """Return a critic with fresh weights."""
        return EnsembleCritic(spec, self)
