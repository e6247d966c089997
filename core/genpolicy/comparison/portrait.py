"""What a model of points in the plane has learned, as arrays to draw.

Where an ODE is solved, its paths are the fine solution and its density is exact,
log p(x) = log N(x_0) - integral of div v dt. Where a flow map jumps, its paths are its jumps from
the noise to each time. What sends noise straight to samples has straight lines. Densities of the
latter two are Gaussian kernel estimates of samples.
"""

import math
from typing import Final, Literal

import attrs
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genpolicy.backbone import Backbone, FlowMapBackbone, PathBackbone, VelocityBackbone
from genpolicy.composition.contract import SAMPLE, needs_of
from genpolicy.dataset import Floats
from genpolicy.density import log_prob
from genpolicy.errors import UsageError
from genpolicy.shapes import expand
from genpolicy.solver import OdeSolver, Solver

ESTIMATED_FROM: Final = 20_000
"""Samples behind an estimated density."""

Travel = Literal["ode", "jumps", "straight"]
"""How noise becomes samples: along an ODE, by a flow map's jumps, or straight."""

_BATCH: Final = 4096  # rows that are solved at a time
_RARE: Final = 0.001  # share of the points that may lie beyond either edge
_NOISE: Final = 2.0  # standard deviations of the noise that are in the picture
_MARGIN: Final = 1.06


@attrs.frozen(kw_only=True)
class Frame:
    """The square of the plane that a portrait shows.

    Args:
        centre: The point in its middle.
        half: Half its width.
        cells: Cells of the density along a side.
    """

    centre: tuple[float, float]
    half: float
    cells: int = 96

    @classmethod
    def around(cls, points: Floats) -> "Frame":
        """Return the frame that shows all but the rarest of the points, and most of the noise."""
        low = np.minimum(np.quantile(points, _RARE, axis=0), -_NOISE)
        high = np.maximum(np.quantile(points, 1.0 - _RARE, axis=0), _NOISE)
        x, y = (0.5 * (low + high)).tolist()
        return cls(centre=(x, y), half=0.5 * _MARGIN * float((high - low).max()))

    @property
    def cell(self) -> float:
        """The width of a cell."""
        return 2.0 * self.half / self.cells

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """The left, right, lower and upper edge."""
        (x, y), half = self.centre, self.half
        return x - half, x + half, y - half, y + half

    def axes(self) -> tuple[Floats, Floats]:
        """Return the middles of the cells in either direction."""
        middles = self.cell * (np.arange(self.cells) + 0.5) - self.half
        x, y = self.centre
        return (x + middles).astype(np.float32), (y + middles).astype(np.float32)


@attrs.frozen(eq=False, kw_only=True)
class Portrait:
    """What a model learned.

    Args:
        samples: Its samples, ``[samples, 2]``.
        paths: The ways from noise to samples, ``[times, lines, 2]``. A path's x_t is divided by
            max(1, sqrt(alpha_t^2 + sigma_t^2)), so that much noise stays in the picture.
        density: The probability per unit of area in every cell, ``[cells (y), cells (x)]``: exact
            along an ODE, or else estimated from samples.
        travel: How noise becomes samples.
    """

    samples: Floats
    paths: Floats
    density: Floats
    travel: Travel


def portray(
    policy: Backbone,
    solver: Solver,
    condition: Tensor,
    frame: Frame,
    *,
    fine: OdeSolver,
    generator: torch.Generator,
    samples: int = 2000,
    lines: int = 60,
    times: int = 50,
) -> Portrait:
    """Return what a model learned.

    Args:
        policy: The model, of samples of shape ``(2,)``.
        solver: Turns noise into its samples; one that it fits.
        condition: What all is conditional on, ``[condition]``.
        frame: Where to compute the density.
        fine: A solver exact enough to pass for the ODE.
        generator: Draws all noise.
        samples: How many samples to return.
        lines: How many paths.
        times: Steps of a flow map's path.

    Raises:
        UsageError: The model's samples are no points of the plane.
    """
    if policy.sample_shape != (2,):
        raise UsageError(
            f"a portrait shows points in the plane, samples of shape (2,); this model's samples "
            f"have shape {policy.sample_shape}"
        )
    artist = _Artist(policy, solver, condition, fine, generator)
    travel = travel_of(policy, solver)
    with torch.no_grad():
        return Portrait(
            samples=_array(artist.samples(samples)),
            paths=_array(artist.paths(travel, lines, times)),
            density=artist.density(frame) if travel == "ode" else artist.estimate(frame),
            travel=travel,
        )


def travel_of(policy: Backbone, solver: Solver) -> Travel:
    """Return how noise becomes samples; a flow map is taken for its ODE where one is solved."""
    if isinstance(policy, FlowMapBackbone) and not _asks_for_velocity(solver):
        return "jumps"
    return "ode" if isinstance(policy, VelocityBackbone) else "straight"


def _asks_for_velocity(solver: Solver) -> bool:
    needs = needs_of(solver.sample, "solver", SAMPLE)
    return any(issubclass(member, VelocityBackbone) for need in needs for member in need.classes)


def kernel_estimate(samples: Floats, frame: Frame) -> Floats:
    """Return the density of samples, ``[cells (y), cells (x)]``, estimated with a Gaussian kernel.

    Its standard deviation is the width of a cell.

    Args:
        samples: ``[samples, 2]``.
        frame: Where.
    """
    x, y = (
        _bell((middles[:, None] - column) / frame.cell) / frame.cell
        for middles, column in zip(frame.axes(), samples.T, strict=True)
    )
    return (y @ x.T / len(samples)).astype(np.float32)


@attrs.frozen(eq=False)
class _Artist:
    """The work of one call to :func:`portray`: its arguments, and what each part takes of them."""

    policy: Backbone
    solver: Solver
    condition: Tensor
    fine: OdeSolver
    generator: torch.Generator

    def samples(self, count: int) -> Tensor:
        rows = [min(_BATCH, count - first) for first in range(0, count, _BATCH)]
        return torch.cat([self._carried(self._noise(row)) for row in rows])

    def paths(self, travel: Travel, lines: int, times: int) -> Tensor:
        noise, policy = self._noise(lines), self.policy
        if travel == "jumps":
            assert isinstance(policy, FlowMapBackbone)
            t = policy.path.times(times, noise)
            return self._shrunk(self._jumps(policy, noise, t), t)
        if travel == "ode":
            assert isinstance(policy, VelocityBackbone)
            t = self.fine.times(policy, noise)
            return self._shrunk(self._solution(policy, noise, t), t)
        t = noise.new_tensor(policy.time_span)
        return self._shrunk([noise, self._carried(noise)], t)

    def density(self, frame: Frame) -> Floats:
        assert isinstance(self.policy, VelocityBackbone)
        x, y = np.meshgrid(*frame.axes())
        points = torch.from_numpy(np.stack([x.ravel(), y.ravel()], axis=1)).to(self.condition)
        parts = [
            log_prob(self.policy, part, self._conditions(len(part)), self.fine)
            for part in torch.split(points, _BATCH)
        ]
        return _array(torch.cat(parts).exp()).reshape(frame.cells, frame.cells)

    def estimate(self, frame: Frame) -> Floats:
        return kernel_estimate(_array(self.samples(ESTIMATED_FROM)), frame)

    def _jumps(self, policy: FlowMapBackbone, noise: Tensor, t: Tensor) -> list[Tensor]:
        condition = self._conditions(len(noise))
        return [policy.jump(noise, t[0], s, condition) for s in t.unbind()]

    def _solution(self, policy: VelocityBackbone, noise: Tensor, t: Tensor) -> list[Tensor]:
        field, states = policy.field(self._conditions(len(noise))), [noise]
        for start in range(len(t) - 1):
            states.append(self.fine.integrate(field, states[-1], t[start : start + 2]))
        return states

    def _shrunk(self, states: list[Tensor], t: Tensor) -> Tensor:
        x = torch.stack(states)
        if not isinstance(self.policy, PathBackbone):
            return x
        path = self.policy.path
        spread = torch.sqrt(path.alpha(t) ** 2 + path.sigma(t) ** 2)
        return x / expand(spread.clamp(min=1.0), x)

    def _carried(self, noise: Tensor) -> Tensor:
        condition = self._conditions(len(noise))
        return self.solver.sample(self.policy, condition, noise, self.generator)

    def _noise(self, count: int) -> Tensor:
        return self.policy.draw_noise(self._conditions(count), self.generator)

    def _conditions(self, count: int) -> Tensor:
        return self.condition.expand(count, -1)


def _bell(x: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(np.exp(-0.5 * x**2) / math.sqrt(2.0 * math.pi), np.float32)


def _array(values: Tensor) -> Floats:
    array: Floats = values.float().cpu().numpy()
    return array
