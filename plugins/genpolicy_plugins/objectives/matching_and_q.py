"""Imitate, and climb Q through the sampler: what the Q-regularised generative policies share.

    L = matching(a_D | s) - eta Q(s, a) / mean |Q|,    a = sampler(noise; s)

with the matching loss per action dimension and gradients through every step of the sampler.
"""

import attrs

from genpolicy import Backbone, Batch, Critic, DifferentiableSolver, Loss, option
from genpolicy_plugins.objectives.stages import Joint
from genpolicy_plugins.objectives.value_terms import matching_per_dimension, own_value, scaled


@attrs.frozen(kw_only=True)
class MatchingAndQ(Joint):
    """The matching loss, less the scaled value of the policy's own actions."""

    eta: float = option(1.0, help="weight of Q / mean |Q| against imitation", ge=0)

    def policy_loss(
        self, batch: Batch, policy: Backbone, critic: Critic, solver: DifferentiableSolver
    ) -> Loss:
        """Return the mean matching loss less eta times the scaled value."""
        matching = matching_per_dimension(batch, policy)
        q = own_value(batch, policy, critic, solver)
        metrics = {"matching_loss": matching.mean().detach(), "q": q.mean().detach()}
        return Loss((matching - self.eta * scaled(q)).mean(), metrics)
