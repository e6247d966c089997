"""Bandits in the plane, of which the best policy that stays near the data is known exactly.

Nothing is observed, every transition ends its episode, and the reward of an action is Q(a) itself.
The data are eight Gaussians on a circle, mu(a) = 1/8 sum_i N(a; m_i, s^2 I), and every objective
that is regularised by KL(pi || mu) at inverse temperature beta has the one optimum

    pi*(a) = mu(a) exp(beta Q(a)) / Z,    Z = E_{a~mu}[ exp(beta Q(a)) ]
    KL(pi* || mu) = beta E_{a~pi*}[ Q(a) ] - log Z    in nats.

Where Q(a) = -k/2 |a - c|^2, pi* is a mixture again: with u = 1 + beta k s^2,

    pi*(a) = sum_i w_i N(a; (m_i + beta k s^2 c) / u, s^2 / u I)
    w_i ~ exp(-beta k |m_i - c|^2 / (2 u)),    Z = 1/(8 u) sum_i exp(-beta k |m_i - c|^2 / (2 u)).

Peters et al. 2010, "Relative entropy policy search", section 2; Haarnoja et al. 2017, eq. 4,
arXiv 1702.08165, for the form of the optimum.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from genpolicy import Dataset, DatasetRecipe, option
from genpolicy_plugins.datasets.toys import BOX

Points = NDArray[np.floating]
LogWeight = Callable[[Points], Points]
"""What the weight of an action is, as a logarithm, by its Q; never falling as Q rises."""

WIDTH: Final = 0.2
"""The standard deviation s of each of the eight Gaussians; the circle makes the variance 1."""

_ANGLES: Final = 0.25 * math.pi * np.arange(8)
CENTRES: Final = math.sqrt(2.0 * (1.0 - WIDTH**2)) * np.stack(
    [np.cos(_ANGLES), np.sin(_ANGLES)], axis=1
)
"""The means m_i, ``[8, 2]``."""

_SPACING: Final = 0.02  # of the grid that integrals are taken on: a tenth of the Gaussians' width


def draw_behaviour(count: int, generator: np.random.Generator) -> Points:
    """Draw actions from mu, ``[count, 2]``; the same state gives the same actions."""
    centre = CENTRES[generator.integers(8, size=count)]
    actions: Points = centre + WIDTH * generator.normal(size=(count, 2))
    return actions


def log_behaviour(action: Points) -> Points:
    """Return log mu of actions, ``[count, 2]`` to ``[count]``, in nats."""
    away = -0.5 * _squared(action[:, None] - CENTRES) / WIDTH**2
    return _log_sum_exp(away) - math.log(8.0 * 2.0 * math.pi * WIDTH**2)


@attrs.frozen(kw_only=True)
class Optimum:
    """What is known of mu exp(log weight) / Z.

    Args:
        reward: The expected Q of its actions.
        kl: Its divergence from mu, in nats.
        log_z: log Z, in nats.
        effective: The share of mu's actions that count under these weights, E[w]^2 / E[w^2].
    """

    reward: float
    kl: float
    log_z: float
    effective: float


class Payoff(ABC):
    """A reward that is known for every action in the plane, and what follows from it."""

    @abstractmethod
    def q(self, action: Points) -> Points:
        """Return Q of actions, ``[count, 2]`` to ``[count]``."""

    @abstractmethod
    def highest(self) -> float:
        """Return a number that Q exceeds nowhere."""

    def draw_optimum(self, beta: float, count: int, generator: np.random.Generator) -> Points:
        """Draw actions from pi* itself, ``[count, 2]``.

        Args:
            beta: Inverse temperature, 0 or more.
            count: How many.
            generator: Draws them; the same state gives the same actions.
        """
        return self.draw_weighted(lambda q: beta * q, count, generator)

    def draw_weighted(
        self, log_weight: LogWeight, count: int, generator: np.random.Generator
    ) -> Points:
        """Draw actions from mu exp(log_weight(Q)) / Z, by rejection, ``[count, 2]``."""
        bound = float(log_weight(np.array([self.highest()]))[0])
        found, missing = [], count
        while missing > 0:
            proposed = draw_behaviour(4 * count, generator)
            log_keep = log_weight(self.q(proposed)) - bound
            found.append(proposed[np.log(generator.random(len(proposed))) < log_keep][:missing])
            missing -= len(found[-1])
        return np.concatenate(found)

    def optimum(self, beta: float) -> Optimum:
        """Return what is known of pi*, to five digits."""
        return self.weighted(lambda q: beta * q)

    def weighted(self, log_weight: LogWeight) -> Optimum:
        """Return what is known of mu exp(log_weight(Q)) / Z: integrals on a grid in the plane."""
        side = np.arange(-BOX, BOX + 0.5 * _SPACING, _SPACING)
        action = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        mu = np.exp(log_behaviour(action)) * _SPACING**2
        q = self.q(action)
        log_w = log_weight(q)
        highest = log_w.max()
        weight = np.exp(log_w - highest)
        z = float(mu @ weight)
        pi = mu * weight / z
        log_z = math.log(z) + float(highest)
        return Optimum(
            reward=float(pi @ q),
            kl=float(pi @ log_w) - log_z,
            log_z=log_z,
            effective=z**2 / float(mu @ weight**2),
        )


@attrs.frozen(kw_only=True)
class QuadraticPayoff(Payoff):
    """Q(a) = -curvature / 2 |a - centre|^2."""

    centre: tuple[float, float]
    curvature: float

    def q(self, action: Points) -> Points:
        """Return Q of actions, ``[count, 2]`` to ``[count]``."""
        return -0.5 * self.curvature * _squared(action - np.array(self.centre))

    def highest(self) -> float:
        """Return 0, the Q of the centre."""
        return 0.0

    def draw_optimum(self, beta: float, count: int, generator: np.random.Generator) -> Points:
        """Draw actions from pi*, which is a mixture of Gaussians, ``[count, 2]``."""
        pull = beta * self.curvature * WIDTH**2
        away = _squared(CENTRES - np.array(self.centre))
        share = np.exp(-0.5 * beta * self.curvature * away / (1.0 + pull))
        mode = generator.choice(8, count, p=share / share.sum())
        mean = (CENTRES + pull * np.array(self.centre)) / (1.0 + pull)
        std = WIDTH / math.sqrt(1.0 + pull)
        actions: Points = mean[mode] + std * generator.normal(size=(count, 2))
        return actions


@attrs.frozen(kw_only=True)
class PeaksPayoff(Payoff):
    """Q(a) = sum_j height_j exp(-|a - centre_j|^2 / (2 width_j^2)), all heights above 0."""

    centres: tuple[tuple[float, float], ...]
    heights: tuple[float, ...]
    widths: tuple[float, ...]

    def q(self, action: Points) -> Points:
        """Return Q of actions, ``[count, 2]`` to ``[count]``."""
        away = _squared(action[:, None] - np.array(self.centres))
        bumps = np.array(self.heights) * np.exp(-0.5 * away / np.array(self.widths) ** 2)
        total: Points = bumps.sum(axis=1)
        return total

    def highest(self) -> float:
        """Return a bound of Q, tight to a thousandth.

        The maximum lies between the outermost peaks, and so no further from a grid point there than
        half a diagonal; there the gradient is 0, and no second derivative exceeds
        sum_j height_j / width_j^2.
        """
        low, high = np.min(self.centres), np.max(self.centres)
        side = np.arange(low, high + 0.01, 0.01)
        grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        bend = float((np.array(self.heights) / np.array(self.widths) ** 2).sum())
        return float(self.q(grid).max()) + 0.5 * bend * 2.0 * 0.005**2


def _squared(vector: Points) -> Points:
    total: Points = (vector**2).sum(axis=-1)
    return total


def _log_sum_exp(terms: Points) -> Points:
    highest = terms.max(axis=1)
    total: Points = highest + np.log(np.exp(terms - highest[:, None]).sum(axis=1))
    return total


@attrs.frozen(kw_only=True)
class Bandit(DatasetRecipe):
    """Actions of mu with their rewards."""

    default_recipe: ClassVar[str | None] = "bandits"
    title: ClassVar[str]
    payoff: ClassVar[Payoff]

    points: int = option(50_000, help="how many actions", ge=1)
    noise: float = option(0.0, help="standard deviation of the noise on rewards", ge=0)
    seed: int = option(0, help="seed of the data; a run's own seed is another", ge=0)
    rescale: bool = option(False, help="show models actions between -1 and 1")

    def load(self) -> Dataset:
        """Return the actions and rewards; the same options give the same bytes."""
        generator = np.random.default_rng(self.seed)
        nothing = np.zeros((self.points, 1), np.float32)
        box = np.full(2, BOX, np.float32)
        action = draw_behaviour(self.points, generator).astype(np.float32)
        reward = self.payoff.q(action) + self.noise * generator.normal(size=self.points)
        return Dataset(
            name=f"bandit/{self.title}",
            observation=nothing,
            action=action,
            reward=reward.astype(np.float32),
            next_observation=nothing,
            terminal=np.ones(self.points, np.bool_),
            timeout=np.zeros(self.points, np.bool_),
            action_low=-box,
            action_high=box,
        )


@attrs.frozen(kw_only=True)
class Quadratic(Bandit):
    """One hill between two of the Gaussians: the optimum is a mixture of Gaussians again."""

    title: ClassVar[str] = "quadratic"
    payoff: ClassVar[Payoff] = QuadraticPayoff(centre=(0.7, 0.2), curvature=0.5)


@attrs.frozen(kw_only=True)
class MultiPeak(Bandit):
    """Three peaks of different height and width, none of them on a Gaussian."""

    title: ClassVar[str] = "multi-peak"
    payoff: ClassVar[Payoff] = PeaksPayoff(
        centres=((1.6, 0.2), (-0.8, 1.2), (-0.6, -1.2)),
        heights=(0.8, 0.74, 0.5),
        widths=(0.5, 0.4, 0.6),
    )
