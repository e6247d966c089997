"""The policies that objectives aim at on a bandit: known exactly, to be drawn from and measured by.

Most aim at pi* ~ mu exp(beta Q). Choosing one of K samples of mu by a softmax, as SfBC acts and
GMPO's softmax variant weighs, is near it for large K alone: an action counts as

    w(a) = E[ exp(beta Q(a)) / (exp(beta Q(a)) + sum of K - 1 others' exp(beta Q)) ].

GTP weighs by exp(eta max(0, A) / std A), cut, A = Q - V, where V is the mean value of a few samples
of its own policy: a fixed point, found by weighing data, choosing among them, and weighing again.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

import attrs
import numpy as np
import torch

from genpolicy.comparison.distances import energy_distance
from genpolicy_plugins.datasets.bandits import (
    Bandit,
    LogWeight,
    MultiPeak,
    Optimum,
    Payoff,
    Points,
    Quadratic,
    draw_behaviour,
)

COUNT: Final = 4000
"""Actions on either side of a distance."""

BANDITS: Final[dict[str, type[Bandit]]] = {b.title: b for b in (Quadratic, MultiPeak)}

_VALUES: Final = 10_000  # V of GTP, or sets of rivals, that a mean is taken over


@attrs.frozen(kw_only=True, eq=False)
class Aim:
    """A policy that is known exactly.

    Args:
        payoff: The bandit's true rewards.
        log_weight: The logarithm of what mu is weighed with, by Q.
        draw: Draws so many of its actions.
    """

    payoff: Payoff
    log_weight: LogWeight
    draw: Callable[[int, np.random.Generator], Points]

    @property
    def known(self) -> Optimum:
        """Its expected reward and divergence from the data."""
        return self.payoff.weighted(self.log_weight)

    def distance(self, actions: Points) -> float:
        """Return the squared energy distance of actions from as many fresh ones of its own."""
        fresh = self.draw(len(actions), np.random.default_rng(1000))
        return energy_distance(torch.from_numpy(actions), torch.from_numpy(fresh))

    def distance_of_itself(self, seed: int) -> float:
        """Return the distance of another draw of its own."""
        return self.distance(self.draw(COUNT, np.random.default_rng(seed)))

    def distance_of_data(self) -> float:
        """Return the distance of the data: what is left to learn."""
        return self.distance(draw_behaviour(COUNT, np.random.default_rng(0)))


@cache
def optimum(bandit: str, beta: float) -> Aim:
    """Return pi* of a bandit."""
    payoff = BANDITS[bandit].payoff
    return Aim(
        payoff=payoff,
        log_weight=lambda q: beta * q,
        draw=lambda count, generator: payoff.draw_optimum(beta, count, generator),
    )


@cache
def softmax_choice(bandit: str, beta: float, candidates: int) -> Aim:
    """Return what a softmax over so many samples of mu comes to."""
    payoff = BANDITS[bandit].payoff
    q = _data_q(payoff, 2000 * (candidates - 1))
    rivals = np.log(np.exp(beta * q).reshape(2000, -1).sum(1))
    return _weighted(payoff, _tabled(lambda q: 1.0 / (1.0 + np.exp(rivals - beta * q)), payoff))


@cache
def trajectory_policy(bandit: str, eta: float, candidates: int, max_weight: float) -> Aim:
    """Return what GTP comes to."""
    payoff = BANDITS[bandit].payoff
    q = _data_q(payoff, 100_000)
    own, generator = q, np.random.default_rng(2)
    for _ in range(20):
        v = generator.choice(own, (_VALUES, candidates)).mean(1)
        log_weight = _positive(payoff, v, eta / np.hypot(q.std(), v.std()), max_weight)
        weight = np.exp(log_weight(q))
        own = generator.choice(q, len(q), p=weight / weight.sum())
    return _weighted(payoff, log_weight)


def _positive(payoff: Payoff, v: Points, slope: float, max_weight: float) -> LogWeight:
    def weights(q: Points) -> Points:
        cut: Points = np.minimum(np.exp(slope * np.maximum(q - v, 0.0)), max_weight)
        return cut

    return _tabled(weights, payoff)


def _tabled(weights: Callable[[Points], Points], payoff: Payoff) -> LogWeight:
    """Return the log of the mean of weights, which are slow to compute, from a table."""
    levels = np.linspace(payoff.highest() - 3.0, payoff.highest(), 601)
    table = np.log([weights(level).mean() for level in levels])
    return lambda q: np.interp(q, levels, table)


def _weighted(payoff: Payoff, log_weight: LogWeight) -> Aim:
    return Aim(
        payoff=payoff,
        log_weight=log_weight,
        draw=lambda count, generator: payoff.draw_weighted(log_weight, count, generator),
    )


def _data_q(payoff: Payoff, count: int) -> Points:
    return payoff.q(draw_behaviour(count, np.random.default_rng(1)))
