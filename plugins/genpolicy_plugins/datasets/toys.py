"""Points in the plane: distributions that show at a glance what a generative model learned.

A point is an action. There is nothing to observe and nothing to gain: the observation is one zero,
the reward 0, and every transition ends its episode. Each coordinate has mean 0 and variance 1
exactly, and the points lie inside the box [-4, 4]^2.

The shapes are those of Grathwohl et al. 2019 (FFJORD), arXiv 1810.01367, and, the pinwheel, of
Johnson et al. 2016, arXiv 1603.06277.

Differs from the papers: all are scaled to unit variance, the moons' coordinates each by its own.
"""

import math
from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from genpolicy import Dataset, DatasetRecipe, option
from genpolicy.dataset import Floats

Points = NDArray[np.floating]
Shape = Literal["eight-gaussians", "two-moons", "pinwheel", "checkerboard"]

NOISE: Final = 0.1
"""The standard deviation of a Gaussian of the eight, and of the points around the moons."""

BOX: Final = 4.0
"""Points lie between minus and plus this: of the widest, the pinwheel, all but one in 10^10."""


def draw(shape: Shape, count: int, generator: np.random.Generator) -> Floats:
    """Draw points from a distribution itself, however many, ``[count, 2]``.

    Args:
        shape: Which distribution.
        count: How many points.
        generator: Draws them; the same state gives the same points.
    """
    return _SAMPLERS[shape](count, generator).astype(np.float32)


def _eight_gaussians(count: int, generator: np.random.Generator) -> Points:
    """Gaussians around eight points of a circle, whose radius makes the variance 1."""
    radius = math.sqrt(2.0 * (1.0 - NOISE**2))
    angle = 0.25 * math.pi * generator.integers(8, size=count)
    return radius * _on_circle(angle) + NOISE * generator.normal(size=(count, 2))


def _two_moons(count: int, generator: np.random.Generator) -> Points:
    """Two half circles, each around an end of the other, with noise that is the same all around."""
    angle = generator.uniform(0.0, math.pi, count)
    upper = _on_circle(angle)
    lower = np.array([1.0, 0.5]) - upper
    points = np.where(generator.random((count, 1)) < 0.5, upper, lower)
    mean = np.array([0.5, 0.25])
    second_moment = np.array([1.0, 0.625 - 1.0 / math.pi])
    scale = np.sqrt((1.0 - NOISE**2) / (second_moment - mean**2))
    moons: Points = (points - mean) * scale + NOISE * generator.normal(size=(count, 2))
    return moons


def _pinwheel(count: int, generator: np.random.Generator) -> Points:
    """Five Gaussians, long outwards and narrow across, wound up the further out they reach."""
    radial, across, rate = 0.3, 0.1, 0.25
    point = np.array([radial, across]) * generator.normal(size=(count, 2)) + np.array([1.0, 0.0])
    arm = 0.4 * math.pi * generator.integers(5, size=count)
    angle = arm + rate * np.exp(point[:, 0])
    cosine, sine = _on_circle(angle).T
    x, y = point.T
    turned = np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=1)
    return turned * math.sqrt(2.0 / (1.0 + radial**2 + across**2))


def _checkerboard(count: int, generator: np.random.Generator) -> Points:
    """The eight dark squares of a board of four by four, filled evenly."""
    column, pair = generator.integers(4, size=count), generator.integers(2, size=count)
    corner = np.stack([column, 2 * pair + column % 2], axis=1) - 2.0
    return 0.5 * math.sqrt(3.0) * (corner + generator.random((count, 2)))


def _on_circle(angle: Points) -> Points:
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


_SAMPLERS: Final[Mapping[Shape, Callable[[int, np.random.Generator], Points]]] = {
    "eight-gaussians": _eight_gaussians,
    "two-moons": _two_moons,
    "pinwheel": _pinwheel,
    "checkerboard": _checkerboard,
}


@attrs.frozen(kw_only=True)
class Toy(DatasetRecipe):
    """Points drawn from a distribution in the plane."""

    default_recipe: ClassVar[str | None] = "toys"
    shape: ClassVar[Shape]

    points: int = option(50_000, help="how many points", ge=1)
    seed: int = option(0, help="seed of the points; a run's own seed is another", ge=0)
    rescale: bool = option(False, help="show models actions between -1 and 1")

    def load(self) -> Dataset:
        """Return the points as actions; the same options give the same bytes."""
        nothing = np.zeros((self.points, 1), np.float32)
        box = np.full(2, BOX, np.float32)
        return Dataset(
            name=f"toy/{self.shape}",
            observation=nothing,
            action=draw(self.shape, self.points, np.random.default_rng(self.seed)),
            reward=np.zeros(self.points, np.float32),
            next_observation=nothing,
            terminal=np.ones(self.points, np.bool_),
            timeout=np.zeros(self.points, np.bool_),
            action_low=-box,
            action_high=box,
        )


@attrs.frozen(kw_only=True)
class EightGaussians(Toy):
    """Eight Gaussians on a circle."""

    shape: ClassVar[Shape] = "eight-gaussians"


@attrs.frozen(kw_only=True)
class TwoMoons(Toy):
    """Two half circles that reach into one another."""

    shape: ClassVar[Shape] = "two-moons"


@attrs.frozen(kw_only=True)
class Pinwheel(Toy):
    """Five arms wound around a centre."""

    shape: ClassVar[Shape] = "pinwheel"


@attrs.frozen(kw_only=True)
class Checkerboard(Toy):
    """The dark squares of a board of four by four."""

    shape: ClassVar[Shape] = "checkerboard"
