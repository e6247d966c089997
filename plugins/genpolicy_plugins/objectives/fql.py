"""Flow Q-learning: a one-step student of a flow that imitates, which alone climbs Q.

    behaviour: L = matching loss(a_D | s)
    student:   L = alpha |mu(s, z) - ODE(z; s)|^2 - Q(s, mu(s, z)),    z ~ N(0, I)

The behaviour imitates in peace and no gradient goes through its solver; the student acts, and the
critic asks it for next actions. Park et al. 2025, eq. 5-8, arXiv 2502.02538; released code.
Distances are per action dimension; Q is the mean of two values, as is the backup unless
``critic.aggregate`` says otherwise.

Differs from the released code: the student follows the flow's actions as they are, where the code
moves them into the box.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from genpolicy import Backbone, Batch, Critic, Loss, OneStepBackbone, Solver, option
from genpolicy_plugins.objectives.stages import Joint
from genpolicy_plugins.objectives.value_terms import distil, imitation, scaled


@attrs.frozen(kw_only=True)
class FQL(Joint):
    """A flow that imitates, and its one-step student that climbs Q."""

    acting_role: ClassVar[str] = "student"
    roles: ClassVar[tuple[str, ...]] = ("behaviour", "student")
    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "flow",
        "backbone.sigma": 0.0,
        "solver": "euler:10",
        "student.backbone": "one-step",
        "network": "mlp",
        "network.hidden": (512, 512, 512, 512),
        "network.activation": "gelu",
        "critic": "double-q",
        "critic.aggregate": "mean",
        "critic.climbs": "mean",
        "critic.hidden": (512, 512, 512, 512),
        "critic.activation": "gelu",
        "critic.layer_norm": True,
        "train.target_rate": 1.0,
    }

    alpha: float = option(10.0, help="weight of the distance from the flow against Q", ge=0)
    normalise_q: bool = option(False, help="divide Q by its mean size; alpha is then scale-free")

    def behaviour_loss(self, batch: Batch, behaviour: Backbone) -> Loss:
        """Return the mean matching loss of the data's actions."""
        return imitation(batch, behaviour)

    def student_loss(
        self,
        batch: Batch,
        student: OneStepBackbone,
        behaviour: Backbone,
        behaviour_solver: Solver,
        critic: Critic,
    ) -> Loss:
        """Return the weighted distance from the flow less the value."""
        action, distance = distil(batch.observation, student, behaviour, behaviour_solver)
        q = critic.q(batch.observation, action)
        value = scaled(q) if self.normalise_q else q
        metrics = {"distance": distance.mean().detach(), "q": q.mean().detach()}
        return Loss((self.alpha * distance - value).mean(), metrics)
