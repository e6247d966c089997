"""Steps along a Gaussian path, from x_t and the velocity there to a draw of x_s.

    x_s = alpha_s a + sigma_s (sqrt(1 - f) z + sqrt(f) eps),    eps ~ N(0, I)

with the data a and the noise z that the velocity v at x_t implies, and a share f of fresh noise:
f = 0 is DDIM, and f = 1 - r^2 ancestral sampling (Song et al. 2021, eq. 12 and 16, arXiv
2010.02502), where r = sigma_s alpha_t / (alpha_s sigma_t) is what x_s keeps of the noise. Both a
and z are linear in x_t and v, so that, with w = d_alpha_t sigma_t - alpha_t d_sigma_t,

    x_s = A x_t + B v + S eps,    S = sigma_s sqrt(f),    k = sqrt(1 - f)
    A = (sigma_s k d_alpha_t - alpha_s d_sigma_t) / w
    B = (alpha_s sigma_t - sigma_s k alpha_t) / w

which is finite at both ends and computed once for all steps of a solve. Where the variance V of the
data around their expectation a is known, S^2 gains (alpha_s - sigma_s k alpha_t / sigma_t)^2 V.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from genpolicy.path import GaussianPath


@dataclass(frozen=True, eq=False)  # torch.compile cannot trace the making of a frozen attrs class
class Transition:
    """One step; every number is a scalar tensor.

    Args:
        t: Where it starts.
        from_x: A.
        from_velocity: B.
        std: S.
    """

    t: Tensor
    from_x: Tensor
    from_velocity: Tensor
    std: Tensor

    def mean(self, x_t: Tensor, velocity: Tensor) -> Tensor:
        """Return the mean of x_s, ``[batch, *sample]``."""
        return torch.addcmul(self.from_x * x_t, self.from_velocity, velocity)


def transitions(
    path: GaussianPath, times: Tensor, fresh: float = 1.0, variance: Tensor | None = None
) -> Iterator[Transition]:
    """Return the steps from each time to the next.

    Args:
        path: The path.
        times: From noise to data, ``[times]``.
        fresh: By what f = 1 - r^2 is multiplied: 1 for ancestral sampling, 0 for DDIM.
        variance: V at the start of every step, per dimension, ``[times - 1]``; ``None`` for 0.
    """
    t, s = times[:-1], times[1:]
    share = fresh * (1.0 - noise_kept(path, t, s) ** 2)
    kept = path.sigma(s) * torch.sqrt(1.0 - share)
    w = path.w(t)
    from_x = (kept * path.d_alpha(t) - path.alpha(s) * path.d_sigma(t)) / w
    from_velocity = (path.alpha(s) * path.sigma(t) - kept * path.alpha(t)) / w
    std = path.sigma(s) * torch.sqrt(share)
    if variance is not None:
        of_data = path.alpha(s) - kept * path.alpha(t) / path.sigma(t)
        std = torch.sqrt(std**2 + of_data**2 * variance)
    columns = (t, from_x, from_velocity, std)
    return map(Transition, *(column.unbind() for column in columns))


def noise_kept(path: GaussianPath, t: Tensor, s: Tensor) -> Tensor:
    """Return r = sigma_s alpha_t / (alpha_s sigma_t), which falls from 1 as s leaves t.

    The correlation of the noise in x_t and in x_s given the data; finite at both ends, where it is
    0: from pure noise, or to pure data, nothing is kept.
    """
    return path.sigma(s) * path.alpha(t) / (path.alpha(s) * path.sigma(t))
