"""Denoising diffusion implicit models: the ODE, stepped through the denoiser.

    x_s = alpha_s a + sigma_s z,    a = E[a | x_t],    z = (x_t - alpha_t a) / sigma_t

Song et al. 2021, "Denoising diffusion implicit models", eq. 12 without noise, arXiv 2010.02502: in
x / alpha it is Euler's method with the noise level sigma / alpha for time. The solver of first
order of Lu et al. 2022, arXiv 2211.01095.
"""

from itertools import pairwise
from typing import ClassVar

import attrs
import torch
from torch import Tensor

from genpolicy import DenoiserBackbone, DifferentiableSolver, option
from genpolicy.path import Grid
from genpolicy_plugins.solvers.denoising import denoiser_of


@attrs.frozen(kw_only=True)
class DDIM(DifferentiableSolver):
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
        denoise, x = denoiser_of(policy, condition), noise
        for t, s in pairwise(policy.path.times(self.steps, noise, self.grid).unbind()):
            x = policy.path.carry(x, denoise(x, t), t, s)
        return x
