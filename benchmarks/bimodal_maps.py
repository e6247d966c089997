"""The flow map that each teacher teaches, exactly and without a network, on two narrow modes.

A consistency loss pulls Phi(x_t, t, s) towards Phi(x_u, u, s), where the teacher's point x_u lies
between t and s on a grid of times. Its least-squares optimum is

    Phi(x, t, s) = E[Phi(x_u, u, s) | x_t = x],    Phi(x, s, s) = x,

which for a mixture of two Gaussians is a sum over quadrature nodes, found from s back to every t.
The data teacher's point keeps its noise and its data: x_u = carry(x_t, a) with a ~ p(a | x_t).
Feng et al. 2025, eq. 17, arXiv 2510.11499. A solver's step with the exact velocity has no spread,
so its optimum is the solve itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import pairwise
from typing import Final

import attrs
import numpy as np
import torch
from torch import Tensor

from genpolicy.path import GaussianPath

MODES: Final = torch.tensor([-0.8, 0.8], dtype=torch.float64)
STD: Final = 0.05

Step = Callable[[GaussianPath, Tensor, Tensor, Tensor], Tensor]


def posterior(path: GaussianPath, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return p(a | x_t = x) as weights and means ``[x, 2]`` of Gaussians and their common std."""
    alpha, sigma = path.alpha(t), path.sigma(t)
    variance = (alpha * STD) ** 2 + sigma**2
    away = x[:, None] - alpha * MODES
    weights = torch.softmax(-(away**2) / (2.0 * variance), dim=1)
    return weights, MODES + alpha * STD**2 / variance * away, STD * sigma / variance.sqrt()


def velocity(path: GaussianPath, x: Tensor, t: Tensor) -> Tensor:
    """Return the exact velocity at x, ``[x]``; finite at both ends."""
    alpha, sigma = path.alpha(t), path.sigma(t)
    weights, means, _ = posterior(path, x, t)
    noises = sigma * (x[:, None] - alpha * MODES) / ((alpha * STD) ** 2 + sigma**2)
    return path.velocity((weights * means).sum(1), (weights * noises).sum(1), t)


def euler(path: GaussianPath, x: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """Return x_s by Euler's step."""
    return x + (s - t) * velocity(path, x, t)


def heun(path: GaussianPath, x: Tensor, t: Tensor, s: Tensor) -> Tensor:
    """Return x_s by Heun's step; VE's time is even in the noise level, so it is EDM's."""
    slope = velocity(path, x, t)
    return x + 0.5 * (s - t) * (slope + velocity(path, x + (s - t) * slope, s))


class FlowMap(ABC):
    """The jumps that a teacher teaches, on a grid of times."""

    @abstractmethod
    def jump(self, x: Tensor, i: int, j: int) -> Tensor:
        """Return x at time j of the grid from x at time i, ``[x]``."""


@attrs.frozen(eq=False)
class SolverMap(FlowMap):
    """The optimum under a solver's step: the solve."""

    path: GaussianPath
    times: Tensor
    step: Step

    def jump(self, x: Tensor, i: int, j: int) -> Tensor:
        """Return x after every step from i to j."""
        for t, s in pairwise(self.times[i : j + 1]):
            x = self.step(self.path, x, t, s)
        return x


@attrs.frozen
class Line:
    """Points at which functions of x_t are kept, even in units of its spread, cubic in between.

    Read linearly, the small steps of a fine grid would blur a map as much as its teacher does.

    Args:
        points: How many, an odd number: the middle one is zero.
        reach: How far they go to either side, in units of the spread.
    """

    points: int = 2401
    reach: float = 6.0

    def at(self, path: GaussianPath, t: Tensor) -> Tensor:
        """Return the points at time t, ``[points]``."""
        reach = self.reach * _spread(path, t)
        return torch.lerp(-reach, reach, torch.linspace(0, 1, self.points, dtype=torch.float64))

    def read(self, values: Tensor, path: GaussianPath, t: Tensor, x: Tensor) -> Tensor:
        """Return what ``values`` at time t, ``[points, functions]``, are at x, of any shape."""
        place = 0.5 * (x / (self.reach * _spread(path, t)) + 1.0) * (self.points - 1)
        i = place.floor().long().clamp(1, self.points - 3)
        d = (place - i)[..., None]
        left = (2.0 - d) * (values[i] * (1.0 + d) - values[i - 1] * d / 3.0)
        right = (1.0 + d) * (values[i + 1] * (2.0 - d) - values[i + 2] * (1.0 - d) / 3.0)
        return 0.5 * ((1.0 - d) * left + d * right)


@attrs.frozen(eq=False)
class LearnedMap(FlowMap):
    """The optimum under the data teacher; ``values[i]`` are jumps from i, ``[points, targets]``."""

    path: GaussianPath
    times: Tensor
    line: Line
    targets: Sequence[int]
    values: Sequence[Tensor]

    def jump(self, x: Tensor, i: int, j: int) -> Tensor:
        """Return x after the learned jump from i to j, one of the targets."""
        column = self.targets.index(j)
        values = self.values[i][:, column : column + 1]
        return self.line.read(values, self.path, self.times[i], x)[:, 0]


def learn(
    path: GaussianPath, times: Tensor, targets: Sequence[int], line: Line, *, uniform: bool = False
) -> LearnedMap:
    """Return the optimum under the data teacher.

    Args:
        path: The path.
        times: The grid, ``[steps + 1]``.
        targets: Which of the grid's points to find jumps to, rising.
        line: Where the jumps are kept.
        uniform: Whether u is any point after t, up to s, rather than the next.
    """
    last, ends = len(times) - 1, torch.tensor(targets)
    values: list[Tensor] = []  # the last time first, as they are found
    for i in reversed(range(last + 1)):
        x = line.at(path, times[i])[line.points // 2 :]
        total = x[:, None] * (ends <= i)
        for u in range(i + 1, min(last if uniform else i + 1, last) + 1):
            column = int((ends < u).sum())
            read = partial(line.read, values[last - u][:, column:], path, times[u])
            total[:, column:] += expected(path, x, times[i], times[u], read)
        half = total / (ends - i).clamp(min=1) if uniform else total
        values.append(torch.cat([-half[1:].flip(0), half]))  # odd, as the data are even
    return LearnedMap(path, times, line, targets, values[::-1])


def expected(
    path: GaussianPath, x: Tensor, t: Tensor, u: Tensor, read: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return E[read(x_u) | x_t = x] over the data teacher's points, ``[x, functions]``."""
    weights, means, std = posterior(path, x, t)
    places, shares = _nodes()
    samples = (means[..., None] + std * places).flatten(1)
    x_u = path.carry(x[:, None], samples, t, u)
    return torch.einsum("xn,xnf->xf", (weights[..., None] * shares).flatten(1), read(x_u))


@cache
def _nodes() -> tuple[Tensor, Tensor]:
    """Return the places and shares of Gauss and Hermite for a standard normal."""
    places, weights = np.polynomial.hermite_e.hermegauss(8)
    return torch.from_numpy(places), torch.from_numpy(weights / weights.sum())


def _spread(path: GaussianPath, t: Tensor) -> Tensor:
    return torch.sqrt(path.alpha(t) ** 2 * (MODES.square().mean() + STD**2) + path.sigma(t) ** 2)
