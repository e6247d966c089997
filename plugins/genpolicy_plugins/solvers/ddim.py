"""Denoising diffusion implicit models: the ODE, stepped through the denoiser.

    x_s = alpha_s a + sigma_s z,    a = E[a | x_t],    z = (x_t - alpha_t a) / sigma_t

Song et al. 2021, "Denoising diffusion implicit models", eq. 12 without noise, arXiv 2010.02502: in
x / alpha it is Euler's method with the noise level sigma / alpha for time. The solver of first
order of Lu et al. 2022, arXiv 2211.01095.
"""

from typing import ClassVar

import attrs
import torch
from torch import Tensor

from genpolicy import DenoiserBackbone, VelocitySolver, option
from genpolicy.path import Grid
from genpolicy.transitions import transitions


@attrs.frozen(kw_only=True)
class DDIM(VelocitySolver):
    """One evaluation per step, first order in the noise level."""

    argument: ClassVar[str] = "steps"
    steps: int = option(10, help="steps, one evaluation each", ge=1)
    grid: Grid | None = option(None, help="where the steps lie; none: as the path's own grid says")

    def sample(
        self,
        policy: DenoiserBackbone,
        condition: Tensor,
        noise: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Carry noise to samples, at every step towards the data expected there.

        Args:
            policy: The backbone.
            condition: ``[batch, condition]``.
            noise: What the backbone's ``draw_noise`` drew, ``[batch, *sample]``.
            generator: Not used: no further noise is added.

        Returns:
            Samples, ``[batch, *sample]``.
        """
        field, x = policy.field(condition), noise
        times = policy.path.times(self.steps, noise, self.grid)
        for step in transitions(policy.path, times, fresh=0.0):
            x = step.mean(x, field(x, step.t))
        return x
