"""Guidance by a trained energy: the score of the samples gains its gradient.

    score(x_t) + scale grad f(x_t)    so that    E[a | x_t] + scale sigma_t^2 / alpha_t grad f(x_t)

with f as ``qgpo`` trains it. Lu et al. 2023, eq. 8 and section 4.2, arXiv 2304.12824.
"""

import attrs
import torch
from torch import Tensor

from genpolicy import GaussianPathBackbone, Guide, Inference, VelocitySolver, option
from genpolicy_plugins.inference.guided import Guided, Shift, towards


@attrs.frozen(kw_only=True)
class EnergyGuidance(Inference):
    """One sample per observation, led by a trained energy."""

    scale: float = option(1.0, help="weight of the energy's gradient", ge=0)

    def act(
        self,
        condition: Tensor,
        generator: torch.Generator | None,
        policy: GaussianPathBackbone,
        guide: Guide,
        solver: VelocitySolver,
    ) -> Tensor:
        """Return one sample per row of ``condition``, ``[batch, *sample]``."""

        def shift(given: Tensor) -> Shift:
            def at(x_t: Tensor, t: Tensor, velocity: Tensor) -> Tensor:
                return towards(policy, self.scale * guide.pull(policy.path, x_t, t, given), t)

            return at

        noise = policy.draw_noise(condition, generator)
        return solver.sample(Guided(policy, shift), condition, noise, generator)
