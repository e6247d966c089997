"""ReBRAC: the deterministic baseline done well, with the data's pull on actor and critic apart.

    L = actor_weight |pi(s) - a_D|^2 - Q(s, pi(s)) / mean |Q|
    y = r + discount (1 - terminal) (min Qbar(s', a') - penalty |a' - a'_D|^2)

Tarasov et al. 2023, eq. 5-6, arXiv 2305.09836; layer norm in the critic, three hidden layers.
``penalty`` is an option of the critic ``double-q``.

Differs from the paper: the policy trains at every step, not at every second; the next action of an
episode's last transition, where it was cut, is taken to be its own; nothing squashes actions.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from genpolicy import Backbone, Batch, Critic, DifferentiableSolver, Loss, option
from genpolicy_plugins.objectives.stages import Joint
from genpolicy_plugins.objectives.value_terms import own_value, scaled


@attrs.frozen(kw_only=True)
class ReBRAC(Joint):
    """Q, less a price of leaving the data."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "deterministic",
        "network": "mlp",
        "network.hidden": (256, 256, 256),
        "critic": "double-q",
        "critic.hidden": (256, 256, 256),
        "critic.layer_norm": True,
        "critic.noise": 0.2,
        "critic.penalty": 0.01,
        "train.online_noise": 0.1,
    }

    actor_weight: float = option(0.01, help="weight of imitation against Q / mean |Q|", ge=0)
    learning_rate: float = option(1e-3, help="Adam's learning rate for the policy", gt=0)
    critic_learning_rate: float = option(1e-3, help="Adam's learning rate for the critic", gt=0)
    batch_size: int = option(1024, help="transitions per step", ge=1)

    def policy_loss(
        self, batch: Batch, policy: Backbone, critic: Critic, solver: DifferentiableSolver
    ) -> Loss:
        """Return the weighted squared distance from the data, less the scaled value."""
        distance = 2.0 * policy.matching_loss(batch.action, batch.observation)
        q = own_value(batch, policy, critic, solver)
        metrics = {"distance": distance.mean().detach(), "q": q.mean().detach()}
        return Loss((self.actor_weight * distance - scaled(q)).mean(), metrics)
