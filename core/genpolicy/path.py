"""Gaussian paths from noise to data, and the quantities that convert into each other on them.

    x_t = alpha_t a + sigma_t z,    z ~ N(0, I),    t from 0 (noise) to 1 (data)
    v = d_alpha_t a + d_sigma_t z,  score = -z / sigma_t

Lipman et al. 2022, "Flow Matching for Generative Modeling", eq. 11-15, arXiv 2210.02747, with time
running the same way. Given x_t and any one of velocity, noise, score and data, the other three
follow; with w_t = d_alpha_t sigma_t - alpha_t d_sigma_t,

    a = (sigma_t v - d_sigma_t x_t) / w_t,    z = (d_alpha_t x_t - alpha_t v) / w_t.
"""

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Final, Literal

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from genpolicy.shapes import evenly, expand

Grid = Literal["uniform", "karras", "log-snr"]
"""Where the times of a solve lie: evenly in time, in the noise level to the power 1/7, or in the
log signal-to-noise ratio. Karras et al. 2022, eq. 5, arXiv 2206.00364; Lu et al. 2022, section 3.2,
arXiv 2206.00927."""

_RHO: Final = 7.0  # Karras et al. 2022, section 3

_LEVELS: Final = (0.002, 80.0)
"""Noise levels sigma / alpha beyond which nothing is left to resolve; Karras et al. 2022, table 1.
On a path that goes further, the first and the last step take what lies beyond."""


@attrs.frozen
class GaussianPath(ABC):
    """A family of Gaussians from noise at t = 0 to data at t = 1.

    Every coefficient takes a time of any shape and returns the same shape. ``start`` and ``end``
    bound the times at which they are finite and a model is trained and solved; ``prior_std`` is the
    standard deviation of x at ``start``; ``grid`` names the times at which it is best solved.
    """

    grid: ClassVar[Grid] = "uniform"

    @property
    def start(self) -> float:
        """The earliest time of the path."""
        return 0.0

    @property
    def end(self) -> float:
        """The latest time of the path."""
        return 1.0

    @property
    def prior_std(self) -> float:
        """The standard deviation of the noise that a solve starts from."""
        return 1.0

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """How much of the data x_t holds."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """How much of the noise x_t holds."""

    @abstractmethod
    def d_alpha(self, t: Tensor) -> Tensor:
        """The time derivative of alpha."""

    @abstractmethod
    def d_sigma(self, t: Tensor) -> Tensor:
        """The time derivative of sigma."""

    def sample_time(self, sample: Tensor) -> Tensor:
        """Draw one uniform time per row of ``sample``, ``[batch]``."""
        uniform = torch.rand(len(sample), dtype=sample.dtype, device=sample.device)
        return self.start + (self.end - self.start) * uniform

    def interpolate(self, sample: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return x_t between ``noise`` and ``sample``, both ``[batch, *sample]``, t ``[batch]``."""
        return expand(self.alpha(t), sample) * sample + expand(self.sigma(t), sample) * noise

    def velocity(self, sample: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return the velocity of x_t towards ``sample`` away from ``noise``."""
        return expand(self.d_alpha(t), sample) * sample + expand(self.d_sigma(t), sample) * noise

    def data_from_velocity(self, x_t: Tensor, velocity: Tensor, t: Tensor) -> Tensor:
        """Return the data that x_t moves towards; exact and finite at both ends."""
        sigma, d_sigma, w = self._expanded(x_t, self.sigma(t), self.d_sigma(t), self.w(t))
        return (sigma * velocity - d_sigma * x_t) / w

    def noise_from_velocity(self, x_t: Tensor, velocity: Tensor, t: Tensor) -> Tensor:
        """Return the noise that x_t moves away from; exact and finite at both ends."""
        alpha, d_alpha, w = self._expanded(x_t, self.alpha(t), self.d_alpha(t), self.w(t))
        return (d_alpha * x_t - alpha * velocity) / w

    def data_from_noise(self, x_t: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return the data in x_t, given its noise; needs alpha_t > 0."""
        alpha, sigma = self._expanded(x_t, self.alpha(t), self.sigma(t))
        return (x_t - sigma * noise) / alpha

    def noise_from_data(self, x_t: Tensor, sample: Tensor, t: Tensor) -> Tensor:
        """Return the noise in x_t, given its data; needs sigma_t > 0."""
        alpha, sigma = self._expanded(x_t, self.alpha(t), self.sigma(t))
        return (x_t - alpha * sample) / sigma

    def velocity_from_noise(self, x_t: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return the velocity at x_t, given its noise; needs alpha_t > 0."""
        return self.velocity(self.data_from_noise(x_t, noise, t), noise, t)

    def velocity_from_data(self, x_t: Tensor, sample: Tensor, t: Tensor) -> Tensor:
        """Return the velocity at x_t, given its data; needs sigma_t > 0."""
        return self.velocity(sample, self.noise_from_data(x_t, sample, t), t)

    def score_from_noise(self, noise: Tensor, t: Tensor) -> Tensor:
        """Return the gradient of log p(x_t), given the noise in x_t; needs sigma_t > 0."""
        return -noise / expand(self.sigma(t), noise)

    def noise_from_score(self, score: Tensor, t: Tensor) -> Tensor:
        """Return the noise in x_t, given the gradient of log p(x_t)."""
        return -score * expand(self.sigma(t), score)

    def half_log_snr(self, t: Tensor) -> Tensor:
        """Return the half log signal-to-noise ratio, log(alpha_t / sigma_t)."""
        return torch.log(self.alpha(t)) - torch.log(self.sigma(t))

    @abstractmethod
    def time_at(self, half_log_snr: Tensor) -> Tensor:
        """Return the time at which the half log signal-to-noise ratio is this, of any shape."""

    def carry(self, x_t: Tensor, sample: Tensor, t: Tensor, s: Tensor) -> Tensor:
        """Return x_s with the same noise towards the same data; needs sigma_t > 0.

        The step of DDIM, and of Euler in the noise level: Song et al. 2021, eq. 12,
        arXiv 2010.02502.

        Args:
            x_t: ``[batch, *sample]``.
            sample: The data, ``[batch, *sample]``.
            t: The time of ``x_t``, a scalar or ``[batch]``.
            s: The time to go to, likewise.
        """
        shrink = self.sigma(s) / self.sigma(t)
        share = self.alpha(s) - self.alpha(t) * shrink
        return expand(shrink, x_t) * x_t + expand(share, x_t) * sample

    def times(self, steps: int, like: Tensor, grid: Grid | None = None) -> Tensor:
        """Return the times of a solve in ``steps`` steps, ``[steps + 1]``.

        Args:
            steps: How many steps.
            like: Any tensor of the type and on the device that they are wanted in.
            grid: Where they lie; the path's own grid if none is named.
        """
        return self.time_on(evenly(0.0, 1.0, steps + 1, like), grid)

    def time_on(self, share: Tensor, grid: Grid | None = None) -> Tensor:
        """Return the time after a share of a grid's steps, of any shape, from ``start`` to ``end``.

        Args:
            share: From 0 to 1.
            grid: Where the times lie; the path's own grid if none is named.
        """
        grid = grid or self.grid
        if grid == "uniform":
            return self.start + (self.end - self.start) * share
        first, last = self._end_levels(share)
        if grid == "karras":
            level = torch.lerp(first ** (1 / _RHO), last ** (1 / _RHO), share) ** _RHO
        else:
            level = torch.exp(torch.lerp(first.log(), last.log(), share))
        inner = self.time_at(-torch.log(level))
        from_start = torch.where(share <= 0.0, self.start, inner)
        return torch.where(share >= 1.0, self.end, from_start)

    def karras_share(self, level: Tensor) -> Tensor:
        """Return after which share of the Karras grid the noise level sigma / alpha is this."""
        first, last = (end ** (1 / _RHO) for end in self._end_levels(level))
        return ((first - level ** (1 / _RHO)) / (first - last)).clamp(0.0, 1.0)

    def _end_levels(self, like: Tensor) -> tuple[Tensor, Tensor]:
        ends = evenly(self.start, self.end, 2, like)
        first, last = (self.sigma(ends) / self.alpha(ends)).clamp(*_LEVELS).unbind()
        return first, last

    def w(self, t: Tensor) -> Tensor:
        """Return d_alpha_t sigma_t - alpha_t d_sigma_t, by which conversions divide; never 0."""
        return self.d_alpha(t) * self.sigma(t) - self.alpha(t) * self.d_sigma(t)

    @staticmethod
    def _expanded(like: Tensor, *coefficients: Tensor) -> list[Tensor]:
        return [expand(coefficient, like) for coefficient in coefficients]


@attrs.frozen
class LinearPath(GaussianPath):
    """The straight path, alpha = t and sigma^2 = (1 - t)^2 + sigma_min^2.

    Liu et al. 2022, arXiv 2209.03003; with sigma_min > 0 the I-CFM path of Tong et al. 2023,
    eq. 14, arXiv 2302.00482: its x_t = (1 - t) x_0 + t a + sigma_min xi has the same law, and
    a - x_0 and our velocity have the same mean given x_t.

    Args:
        sigma_min: The standard deviation that remains around the data at t = 1.
    """

    sigma_min: float = 0.0

    @property
    def prior_std(self) -> float:
        """The standard deviation of the noise, sigma at t = 0."""
        return math.sqrt(1.0 + self.sigma_min**2)

    def alpha(self, t: Tensor) -> Tensor:
        """Return t."""
        return t

    def sigma(self, t: Tensor) -> Tensor:
        """Return sqrt((1 - t)^2 + sigma_min^2)."""
        if self.sigma_min == 0.0:
            return 1.0 - t
        return torch.sqrt((1.0 - t) ** 2 + self.sigma_min**2)

    def d_alpha(self, t: Tensor) -> Tensor:
        """Return 1."""
        return torch.ones_like(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        """Return -(1 - t) / sigma."""
        if self.sigma_min == 0.0:
            return -torch.ones_like(t)
        return -(1.0 - t) / self.sigma(t)

    def time_at(self, half_log_snr: Tensor) -> Tensor:
        """Solve t^2 = k ((1 - t)^2 + sigma_min^2) for t, with k = exp(2 half_log_snr)."""
        if self.sigma_min == 0.0:
            return torch.sigmoid(half_log_snr)
        k, rest = torch.exp(2.0 * half_log_snr), 1.0 + self.sigma_min**2
        root = torch.sqrt(k * (rest - k * self.sigma_min**2).clamp(min=0.0))
        return k * rest / (k + root)


@attrs.frozen
class VPPath(GaussianPath):
    """The variance-preserving diffusion with linear beta, alpha^2 + sigma^2 = 1.

    With r = 1 - t, alpha = exp(-r^2 (beta_max - beta_min) / 4 - r beta_min / 2).
    Song et al. 2021, eq. 33, arXiv 2011.13456.

    Args:
        beta_min: The noise rate at the data.
        beta_max: The noise rate at the noise.
        epsilon: How far from the data the path stops: there d_sigma grows without bound.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0
    epsilon: float = 1e-3

    @property
    def end(self) -> float:
        """The latest time of the path, 1 - epsilon."""
        return 1.0 - self.epsilon

    def alpha(self, t: Tensor) -> Tensor:
        """Return exp(log alpha)."""
        return torch.exp(self._log_alpha(t))

    def sigma(self, t: Tensor) -> Tensor:
        """Return sqrt(1 - alpha^2), computed without cancellation."""
        return torch.sqrt(-torch.expm1(2.0 * self._log_alpha(t)))

    def d_alpha(self, t: Tensor) -> Tensor:
        """Return alpha beta / 2."""
        return 0.5 * self._beta(t) * self.alpha(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        """Return -alpha^2 beta / (2 sigma)."""
        return -0.5 * self._beta(t) * self.alpha(t) ** 2 / self.sigma(t)

    def time_at(self, half_log_snr: Tensor) -> Tensor:
        """Solve the quadratic that log alpha is in 1 - t."""
        log_alpha = -0.5 * functional.softplus(-2.0 * half_log_snr)
        rise = self.beta_max - self.beta_min
        root = torch.sqrt(self.beta_min**2 - 4.0 * rise * log_alpha)
        return 1.0 + 4.0 * log_alpha / (self.beta_min + root)

    def _beta(self, t: Tensor) -> Tensor:
        return self.beta_min + (1.0 - t) * (self.beta_max - self.beta_min)

    def _log_alpha(self, t: Tensor) -> Tensor:
        r = 1.0 - t
        return -0.25 * r**2 * (self.beta_max - self.beta_min) - 0.5 * r * self.beta_min


@attrs.frozen
class GVPPath(GaussianPath):
    """The trigonometric path, alpha = sin(pi t / 2) and sigma = cos(pi t / 2).

    Albergo & Vanden-Eijnden 2023, arXiv 2209.15571; Ma et al. 2024 (SiT), arXiv 2401.08740.
    """

    def alpha(self, t: Tensor) -> Tensor:
        """Return sin(pi t / 2)."""
        return torch.sin(0.5 * math.pi * t)

    def sigma(self, t: Tensor) -> Tensor:
        """Return cos(pi t / 2), which is 0 at the end in any precision."""
        return torch.sin(0.5 * math.pi * (1.0 - t))

    def d_alpha(self, t: Tensor) -> Tensor:
        """Return (pi / 2) cos(pi t / 2)."""
        return 0.5 * math.pi * torch.cos(0.5 * math.pi * t)

    def d_sigma(self, t: Tensor) -> Tensor:
        """Return -(pi / 2) sin(pi t / 2)."""
        return -0.5 * math.pi * torch.sin(0.5 * math.pi * t)

    def time_at(self, half_log_snr: Tensor) -> Tensor:
        """Return (2 / pi) arctan(alpha / sigma)."""
        return torch.atan(torch.exp(half_log_snr)) * (2.0 / math.pi)


@attrs.frozen
class VEPath(GaussianPath):
    """The variance-exploding path, alpha = 1, with sigma falling evenly in time.

    Karras et al. 2022, table 1, arXiv 2206.00364, whose own time is sigma.

    Args:
        sigma_min: The standard deviation of the noise that is left at t = 1.
        sigma_max: The standard deviation of the noise at t = 0.

    Raises:
        ValueError: The noise does not fall, or not to more than 0.
    """

    sigma_min: float = 0.002
    sigma_max: float = 80.0

    def __attrs_post_init__(self) -> None:
        if not 0.0 < self.sigma_min < self.sigma_max:
            raise ValueError(
                f"sigma_max must exceed sigma_min; got {self.sigma_max} and {self.sigma_min}"
            )

    grid: ClassVar[Grid] = "karras"

    @property
    def prior_std(self) -> float:
        """The standard deviation of the noise, sigma_max."""
        return self.sigma_max

    def alpha(self, t: Tensor) -> Tensor:
        """Return 1."""
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        """Return sigma_max (1 - t) + sigma_min t."""
        return self.sigma_min + (1.0 - t) * (self.sigma_max - self.sigma_min)

    def d_alpha(self, t: Tensor) -> Tensor:
        """Return 0."""
        return torch.zeros_like(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        """Return sigma_min - sigma_max."""
        return torch.full_like(t, self.sigma_min - self.sigma_max)

    def time_at(self, half_log_snr: Tensor) -> Tensor:
        """Return the share of the way from sigma_max to sigma_min."""
        gone = self.sigma_max - torch.exp(-half_log_snr)
        return gone / (self.sigma_max - self.sigma_min)
