"""Ancestral sampling: at every step a draw from the posterior of x_s given x_t and the data.

    x_s = alpha_s a + sigma_s (r z + sqrt(1 - r^2) eps),    r = sigma_s alpha_t / (alpha_s sigma_t)
    a = E[a | x_t],    z = (x_t - alpha_t a) / sigma_t,    eps ~ N(0, I)

Ho et al. 2020, eq. 6-7, arXiv 2006.11239, whose variance is the smaller of their two; on any
Gaussian path. With eta < 1 less of the noise is new: sqrt(1 - r^2) becomes eta sqrt(1 - r^2), and
the old noise keeps the rest, down to DDIM at 0. Song et al. 2021, eq. 12 and 16, arXiv 2010.02502.
With ``clip`` the expected data a stay within that size in every number, as in diffusion policies of
few steps, whose actions lie between -1 and 1.
"""

from typing import ClassVar

import attrs
import torch
from torch import Tensor

from genpolicy import GaussianPathBackbone, VelocitySolver, option
from genpolicy.path import Grid
from genpolicy.shapes import randn
from genpolicy.transitions import transitions


@attrs.frozen(kw_only=True)
class DDPM(VelocitySolver):
    """One evaluation and fresh noise per step; the last step of a path without end noise adds none.

    Gradients are those of the samples with the fresh noise held fixed.
    """

    argument: ClassVar[str] = "steps"
    steps: int = option(50, help="steps, one evaluation each", ge=1)
    eta: float = option(1.0, help="how much of the fresh noise is added; 0: none, ddim", ge=0, le=1)
    clip: float = option(0.0, help="most that a may be in any number, either way; 0: any", ge=0)
    grid: Grid | None = option(None, help="where the steps lie; none: as the path's own grid says")

    def sample(
        self,
        policy: GaussianPathBackbone,
        condition: Tensor,
        noise: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw samples, from noise through the posterior of every step.

        Args:
            policy: The backbone.
            condition: ``[batch, condition]``.
            noise: What the backbone's ``draw_noise`` drew, ``[batch, *sample]``.
            generator: Where fresh noise comes from; ``None`` for torch's global random numbers.

        Returns:
            Samples, ``[batch, *sample]``.
        """
        field, x = policy.field(condition), noise
        times = policy.path.times(self.steps, noise, self.grid)
        for step in transitions(policy.path, times, fresh=self.eta**2):
            velocity = field(x, step.t)
            if self.clip:
                data = policy.path.data_from_velocity(x, velocity, step.t)
                data = data.clamp(-self.clip, self.clip)
                velocity = policy.path.velocity_from_data(x, data, step.t)
            mean = step.mean(x, velocity)
            x = torch.addcmul(mean, step.std, randn(x.shape, x, generator))
        return x
