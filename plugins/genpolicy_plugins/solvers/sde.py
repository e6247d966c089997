"""The reverse SDE by the method of Euler and Maruyama.

    dx = (v + g^2 score / 2) dt + g dW,    score = -z / sigma_t

keeps the marginals of the ODE for any g; with g^2 = 2 sigma_t^2 d log(alpha_t / sigma_t) / dt (beta
on the VP path) it is the forward diffusion run backwards. Song et al. 2021, eq. 6, arXiv
2011.13456; Albergo et al. 2023, arXiv 2303.08797.

Differs from the papers: that g is infinite where alpha = 0, the start of the linear and GVP paths,
and where sigma = 0, so each step takes

    g^2 (s - t) = churn sigma_s^2 (1 - r^2),    r = sigma_s alpha_t / (alpha_s sigma_t),

which is the same in the limit of small steps, finite on every path, in proportion to the noise at
the step's end, and nothing in a last step that ends without noise. As the marginals hold for any g,
it changes how much noise is renewed and not what is sampled. Domingo-Enrich et al. 2024, arXiv
2409.08861, shift time by a step for the same reason; on the linear path that is close to sigma_t^2
in place of sigma_s^2, with which few steps explode on the VE path.
"""

from itertools import pairwise
from typing import ClassVar

import attrs
import torch
from torch import Tensor

from genpolicy import GaussianPathBackbone, VelocitySolver, option
from genpolicy.path import Grid
from genpolicy.shapes import randn
from genpolicy.transitions import noise_kept


@attrs.frozen(kw_only=True)
class SDE(VelocitySolver):
    """One evaluation and fresh noise per step, first order in distribution.

    Gradients are those of the samples with the fresh noise held fixed.
    """

    argument: ClassVar[str] = "steps"
    steps: int = option(50, help="steps, one evaluation each", ge=1)
    churn: float = option(1.0, help="scale of the noise's variance; 0: none, euler", ge=0)
    grid: Grid | None = option(None, help="where the steps lie; none: as the path's own grid says")

    def sample(
        self,
        policy: GaussianPathBackbone,
        condition: Tensor,
        noise: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Carry noise to samples along the velocity while noise is taken out and put in.

        Args:
            policy: The backbone.
            condition: ``[batch, condition]``.
            noise: What the backbone's ``draw_noise`` drew, ``[batch, *sample]``.
            generator: Where fresh noise comes from; ``None`` for torch's global random numbers.

        Returns:
            Samples, ``[batch, *sample]``.
        """
        field, path, x = policy.field(condition), policy.path, noise
        for t, s in pairwise(path.times(self.steps, noise, self.grid).unbind()):
            velocity = field(x, t)
            old = path.noise_from_velocity(x, velocity, t)
            variance = self.churn * path.sigma(s) ** 2 * (1.0 - noise_kept(path, t, s) ** 2)
            taken = variance / (2.0 * path.sigma(t)) * old
            put = torch.sqrt(variance) * randn(x.shape, x, generator)
            x = x + (s - t) * velocity - taken + put
        return x
