"""Score-regularised policy optimisation: a deterministic student that the behaviour's score holds.

    grad L = E_s[ (-beta grad_a Q(s, a) + E_{t,eps} w_t (eps(a_t, t, s) - eps)) da / dtheta ]

with a = pi(s), a_t = alpha_t a + sigma_t eps and w_t = sigma_t^2: the policy climbs Q where the
behaviour, a diffusion model that was cloned first, still has density. It samples nothing. Chen et
al. 2023, eq. 9-10, arXiv 2310.07297; released code.

Differs from the paper: the student climbs the online critic's smaller value, where the code climbs
the mean of two slow copies; nothing squashes the student's actions.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import torch
from torch import Tensor

from genpolicy import Batch, Critic, GaussianPathBackbone, Loss, OneStepBackbone, Stage, option
from genpolicy.shapes import expand, sum_rows
from genpolicy_plugins.objectives.stages import PolicyLast

_TIMES = (0.02, 0.98)  # the released code's, as shares of the path


@attrs.frozen(kw_only=True)
class SRPO(PolicyLast):
    """Q, held by the behaviour's score."""

    acting_role: ClassVar[str] = "student"
    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "diffusion",
        "student.backbone": "deterministic",
        "student.network": "mlp",
        "student.network.hidden": (256, 256),
        "critic": "iql",
        "train.online_noise": 0.1,
    }

    beta: float = option(0.1, help="weight of Q against the behaviour's score", ge=0)
    policy_steps: int = option(1_000_000, help="optimiser steps of the student", ge=0)
    policy_learning_rate: float = option(3e-4, help="Adam's learning rate for the student", gt=0)
    policy_batch_size: int = option(256, help="states per step of the student", ge=1)

    def stages(self) -> tuple[Stage, ...]:
        """Return the behaviour's stage, the critic's, and the student's."""
        return self.behaviour_stage(), self.critic_stage(), self.acting_stage()

    def student_loss(
        self,
        batch: Batch,
        student: OneStepBackbone,
        behaviour: GaussianPathBackbone,
        critic: Critic,
    ) -> Loss:
        """Return a surrogate: its gradient is the one above, its value is no loss of anything."""
        observation = batch.observation
        action = student.transport(student.draw_noise(observation), observation)
        q = critic.q(observation, action)
        pull = sum_rows(_pull(behaviour, action.detach(), observation) * action)
        metrics = {"q": q.mean().detach()}
        return Loss((pull - self.beta * q).mean(), metrics)


@torch.no_grad()
def _pull(behaviour: GaussianPathBackbone, action: Tensor, observation: Tensor) -> Tensor:
    """Return w_t (eps(a_t, t, s) - eps) at one time and noise per row, ``[batch, *sample]``."""
    path, (low, high) = behaviour.path, _TIMES
    share = low + (high - low) * torch.rand_like(action.flatten(1)[:, 0])
    t = path.start + (path.end - path.start) * share
    noise = torch.randn_like(action)
    a_t = path.interpolate(action, noise, t)
    predicted = path.noise_from_velocity(a_t, behaviour.velocity(a_t, t, observation), t)
    return expand(path.sigma(t), action) ** 2 * (predicted - noise)
