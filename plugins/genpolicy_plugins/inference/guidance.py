"""Guidance by the critic: on the way, samples are pushed where their likely end is worth more.

    v(x_t) + scale w_t / (alpha_t + sigma_t) grad_a Q(s, a),    a = E[a | x_t]

with w_t = d_alpha_t sigma_t - alpha_t d_sigma_t, and the gradient taken at the one-step estimate a
and not through it. It needs no training beyond a behaviour and a critic. QGF 2026,
arXiv 2606.11087.

Differs from the paper: any Gaussian path will do. On the straight one the estimate is the paper's
x_t + (1 - t) v and the factor of the scale is 1; x / (alpha + sigma) moves on a straight path
whatever path x is on, so that a scale means the same on all.
"""

import attrs
import torch
from torch import Tensor

from genpolicy import Critic, GaussianPathBackbone, Inference, VelocitySolver, option
from genpolicy.gradients import gradient_at
from genpolicy_plugins.inference.guided import Guided, Shift, along


@attrs.frozen(kw_only=True)
class Guidance(Inference):
    """One sample per observation, led by the gradient of its value."""

    scale: float = option(0.1, help="weight of the value's gradient in the velocity", ge=0)

    def act(
        self,
        condition: Tensor,
        generator: torch.Generator | None,
        policy: GaussianPathBackbone,
        critic: Critic,
        solver: VelocitySolver,
    ) -> Tensor:
        """Return one sample per row of ``condition``, ``[batch, *sample]``."""

        def shift(given: Tensor) -> Shift:
            def at(x_t: Tensor, t: Tensor, velocity: Tensor) -> Tensor:
                end = policy.path.data_from_velocity(x_t, velocity, t)
                gradient, _ = gradient_at(lambda action: critic.q(given, action), end)
                return along(policy, self.scale * gradient, t)

            return at

        noise = policy.draw_noise(condition, generator)
        return solver.sample(Guided(policy, shift), condition, noise, generator)
