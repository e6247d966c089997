"""Guided flow policies: FQL whose behaviour imitates good actions more, by the student's standard.

    g = e(a_D) / (e(a_D) + e(mu(s, z))),    e(a) = exp(l Q(s, a) / temperature)
    behaviour: L = g matching loss(a_D | s)
    student:   L = alpha |mu(s, z) - ODE(z; s)|^2 - l Q(s, mu(s, z))

with l = 1 / mean |Q|. An action of the data weighs near 1 where it beats the student's own and near
0 where it does not. GFP 2025, arXiv 2512.03973.

Differs from the paper: the critic asks the student alone for next actions, its simplest variant.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import torch

from genpolicy import Backbone, Batch, Critic, Loss, OneStepBackbone, Solver, option
from genpolicy_plugins.objectives.fql import FQL
from genpolicy_plugins.objectives.stages import Joint
from genpolicy_plugins.objectives.value_terms import distil, scaled


@attrs.frozen(kw_only=True)
class GFP(Joint):
    """A value-aware flow and its one-step student."""

    acting_role: ClassVar[str] = "student"
    roles: ClassVar[tuple[str, ...]] = ("behaviour", "student")
    defaults: ClassVar[Mapping[str, Any]] = FQL.defaults

    alpha: float = option(1.0, help="weight of the distance from the flow against Q", ge=0)
    temperature: float = option(
        1e-3, help="difference of Q / mean |Q| at which an action is clearly better", gt=0
    )

    def behaviour_loss(
        self, batch: Batch, behaviour: Backbone, student: OneStepBackbone, critic: Critic
    ) -> Loss:
        """Return the matching loss of the data's actions, weighted by how they compare."""
        observation = batch.observation
        with torch.no_grad():
            own = student.transport(student.draw_noise(observation), observation)
            q, own_q = critic.q(observation, batch.action), critic.q(observation, own)
            size = torch.cat([q, own_q]).abs().mean().clamp(min=1e-6)
            weight = torch.sigmoid((q - own_q) / size / self.temperature)
        matching = behaviour.matching_loss(batch.action, observation)
        return Loss((weight * matching).mean(), {"weight": weight.mean()})

    def student_loss(
        self,
        batch: Batch,
        student: OneStepBackbone,
        behaviour: Backbone,
        behaviour_solver: Solver,
        critic: Critic,
    ) -> Loss:
        """Return the weighted distance from the flow less the scaled value."""
        action, distance = distil(batch.observation, student, behaviour, behaviour_solver)
        q = critic.q(batch.observation, action)
        metrics = {"distance": distance.mean().detach(), "q": q.mean().detach()}
        return Loss((self.alpha * distance - scaled(q)).mean(), metrics)
