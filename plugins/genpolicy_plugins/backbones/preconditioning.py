"""Preconditioning: what a network sees and predicts, of unit variance at every noise level.

With c = 1 / sqrt(alpha^2 sigma_data^2 + sigma^2), cos = alpha sigma_data c and sin = sigma c, the
network is given c x_t and the angle arctan(sin / cos), and its output F means

    data = sigma_data (cos c x_t + sin F),    noise = sin c x_t - cos F.

For the variance-exploding path these are c_in, c_skip and c_out of Karras et al. 2022, table 1,
arXiv 2206.00364; as a rotation on any Gaussian path it is finite at both ends.

Differs from the paper: the network is told the angle (Lu & Song 2024, section 4.1,
arXiv 2410.11081), which is finite at every noise level, in place of the noise level's logarithm.
"""

import math

import attrs
import torch
from torch import Tensor

from genpolicy import GaussianPath
from genpolicy.shapes import expand


@attrs.frozen
class Preconditioning:
    """The rotation between data and noise, and what a network sees and predicts.

    Args:
        path: The path.
        sigma_data: The standard deviation of the data.
    """

    path: GaussianPath
    sigma_data: float

    def angle(self, t: Tensor) -> Tensor:
        """Return the time as the network is told it: from near 1 at the noise to 0 at the data."""
        signal = self.path.alpha(t) * self.sigma_data
        return torch.atan2(self.path.sigma(t), signal) * (2.0 / math.pi)

    def given(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Return x_t as the network is given it, c x_t."""
        return expand(self._c(t), x_t) * x_t

    def data_and_noise(self, x_t: Tensor, predicted: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return the data and the noise in x_t that the network's output means."""
        cos, sin = self._rotation(t, x_t)
        given = self.given(x_t, t)
        return self.sigma_data * (cos * given + sin * predicted), sin * given - cos * predicted

    def target(self, sample: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return the output that means exactly this data and this noise."""
        cos, sin = self._rotation(t, sample)
        return sin * sample / self.sigma_data - cos * noise

    def jump_scale(self, t: Tensor, s: Tensor, like: Tensor) -> Tensor:
        """Return how far x_s moves per unit of the network's output at t, shaped to fit ``like``.

        x_s = (cos(theta) c_t x_t + sin(theta) F) / c_s, with theta the angle between t and s.
        """
        theta = (self.angle(t) - self.angle(s)) * (math.pi / 2.0)
        return expand(torch.sin(theta) / self._c(s), like)

    def _c(self, t: Tensor) -> Tensor:
        return torch.rsqrt((self.path.alpha(t) * self.sigma_data) ** 2 + self.path.sigma(t) ** 2)

    def _rotation(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        c = self._c(t)
        cos, sin = self.path.alpha(t) * self.sigma_data * c, self.path.sigma(t) * c
        return expand(cos, like), expand(sin, like)
