"""Models whose solutions are known in closed form, for solvers and log-densities to meet.

With data N(m, std^2 I) on a Gaussian path, x_t ~ N(alpha_t m, S_t^2 I), S_t^2 = alpha_t^2 std^2 +
sigma_t^2, and the ODE keeps every x_t at its place among those:

    x_s = alpha_s m + (S_s / S_t) (x_t - alpha_t m)
    v(x, t) = d_alpha_t m + (d_alpha_t alpha_t std^2 + d_sigma_t sigma_t) / S_t^2 (x - alpha_t m)
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genpolicy.backbone import (
    Backbone,
    Field,
    FlowMapBackbone,
    GaussianPathBackbone,
    PathBackbone,
)
from genpolicy.path import GaussianPath
from genpolicy.shapes import expand, sum_rows


class GaussianData(GaussianPathBackbone):
    """The exact velocity of N(condition + mean, std^2 I) data on a path.

    Args:
        path: The path.
        mean: The mean where the condition is 0, which is as long as a sample or one number.
        std: The standard deviation.
    """

    def __init__(self, path: GaussianPath, mean: Sequence[float], std: float) -> None:
        super().__init__((len(mean),), path)
        self.mean = nn.Parameter(torch.tensor(mean, dtype=torch.float64))
        self.log_std = nn.Parameter(torch.tensor(std, dtype=torch.float64).log())

    def spread(self, t: Tensor) -> Tensor:
        """Return the standard deviation of x_t."""
        std = self.log_std.exp()
        return torch.sqrt(self.path.alpha(t) ** 2 * std**2 + self.path.sigma(t) ** 2)

    def field(self, condition: Tensor) -> Field:
        """Return the velocity as a function of x_t and t."""

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            alpha, sigma = self.path.alpha(t), self.path.sigma(t)
            d_alpha, d_sigma = self.path.d_alpha(t), self.path.d_sigma(t)
            std = self.log_std.exp()
            rate = (d_alpha * alpha * std**2 + d_sigma * sigma) / self.spread(t) ** 2
            centre = condition + self.mean
            drift = expand(rate, x) * (x - expand(alpha, x) * centre)
            return expand(d_alpha, x) * centre + drift

        return velocity

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return the squared distance from the mean, ``[batch]``."""
        return sum_rows((sample - condition - self.mean) ** 2)

    def carried(self, noise: Tensor, condition: Tensor) -> Tensor:
        """Return the sample that noise is carried to, ``[batch, sample]``."""
        start, end = self._ends()
        centre = condition + self.mean
        scale = self.spread(end) / self.spread(start)
        return self.path.alpha(end) * centre + scale * (noise - self.path.alpha(start) * centre)

    def known_log_prob(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return the log-density of what N(0, prior_std^2) noise is carried to, in nats."""
        start, end = self._ends()
        centre = condition + self.mean
        scale = self.spread(end) / self.spread(start)
        noise = (sample - self.path.alpha(end) * centre) / scale + self.path.alpha(start) * centre
        prior = torch.distributions.Normal(0.0, self.prior_std)
        return sum_rows(prior.log_prob(noise) - scale.log())  # type: ignore[no-untyped-call]

    def _ends(self) -> tuple[Tensor, Tensor]:
        start, end = (self.log_std.new_tensor(t) for t in self.time_span)
        return start, end


class GaussianMap(GaussianData, FlowMapBackbone):
    """Gaussian data whose flow map is known as well, so that every solver can serve it."""

    def jump(self, x_t: Tensor, t: Tensor, s: Tensor, condition: Tensor) -> Tensor:
        """Return x_s from x_t, ``[batch, sample]``."""
        centre, scale = condition + self.mean, expand(self.spread(s) / self.spread(t), x_t)
        before, after = (expand(self.path.alpha(time), x_t) for time in (t, s))
        return after * centre + scale * (x_t - before * centre)


class Mixture(GaussianPathBackbone):
    """The exact velocity of a mixture of equal Gaussians, whatever the condition.

    Args:
        path: The path.
        centres: Their means.
        std: The standard deviation of each.
    """

    def __init__(self, path: GaussianPath, centres: Sequence[Sequence[float]], std: float) -> None:
        super().__init__((len(centres[0]),), path)
        self.register_buffer("centres", torch.tensor(centres, dtype=torch.float64))
        self.std = std

    centres: Tensor

    def field(self, condition: Tensor) -> Field:
        """Return the velocity as a function of x_t and a scalar t."""

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            alpha, sigma = self.path.alpha(t), self.path.sigma(t)
            variance = alpha**2 * self.std**2 + sigma**2
            gap = x[:, None] - alpha * self.centres
            share = torch.softmax(-0.5 * (gap**2).sum(-1) / variance, 1)[..., None]
            data = (share * (self.centres + alpha * self.std**2 * gap / variance)).sum(1)
            noise = (share * sigma * gap / variance).sum(1)
            return self.path.d_alpha(t) * data + self.path.d_sigma(t) * noise

        return velocity

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return the squared distance from the nearest centre, ``[batch]``."""
        return ((sample[:, None] - self.centres) ** 2).sum(-1).amin(1)


def narrowed(model: Backbone, *abilities: type[Backbone]) -> Backbone:
    """Return a model that answers as another does, but has these abilities alone.

    Args:
        model: The model that answers.
        abilities: Abilities that it has.
    """
    bases = [a for a in abilities if not any(a in b.__mro__[1:] for b in abilities)]
    names = frozenset[str]().union(*(base.__abstractmethods__ for base in bases))
    methods = {name: staticmethod(getattr(model, name)) for name in names}
    made = type(f"Only{bases[0].__name__}", tuple(dict.fromkeys(bases)), methods)
    path = (model.path,) if isinstance(model, PathBackbone) else ()
    narrow: Backbone = made(model.sample_shape, *(path if issubclass(made, PathBackbone) else ()))
    return narrow
