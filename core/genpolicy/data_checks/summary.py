"""Statistics of data: how long and how good episodes are, what each column holds."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from genpolicy.data_checks.coverage import Coverage, Plane, coverage_of, plane_of
from genpolicy.transforms.episodes import episode_lengths, episode_returns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genpolicy.dataset import Dataset, Floats
    from genpolicy.transforms.units import Affine

_EDGE = 0.01
"""A share of the box's width: closer to a bound, an action is at its edge."""


@attrs.frozen(kw_only=True)
class Spread:
    """How numbers are spread: mean and deviation, extremes and quartiles."""

    mean: float
    deviation: float
    smallest: float
    quarter: float
    median: float
    three_quarters: float
    largest: float

    @classmethod
    def of(cls, values: "NDArray[np.floating[Any]]") -> "Spread":
        """Return the spread of numbers, ``[n]``, of which there is one at least."""
        cuts = np.quantile(values, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist()
        mean, deviation = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
        return cls(
            mean=mean,
            deviation=deviation,
            smallest=cuts[0],
            quarter=cuts[1],
            median=cuts[2],
            three_quarters=cuts[3],
            largest=cuts[4],
        )


@attrs.frozen(kw_only=True)
class ColumnSummary:
    """What one column holds.

    Args:
        name: Such as ``"observation 0"``.
        spread: Of its numbers, in the environment's unit.
        edge: Which share of it lies at an edge of the box; ``None`` where it has none.
        seen_mean: The mean that models see.
        seen_deviation: The deviation that models see.
    """

    name: str
    spread: Spread
    edge: float | None
    seen_mean: float
    seen_deviation: float


@attrs.frozen(eq=False, kw_only=True)
class Summary:
    """What data hold.

    Args:
        transitions: How many steps.
        episodes: How many episodes, an unfinished last one included.
        terminals: How many episodes ended.
        timeouts: How many were cut.
        lengths: Of every episode, ``[episode]``.
        returns: Of every episode, undiscounted, ``[episode]``.
        scores: The same, normalised; ``None`` without a reference.
        reward: The spread of the rewards.
        columns: Of observations, then of actions.
        plane: In which plane coverage is seen.
        coverage: How much of it the data cover.
    """

    transitions: int
    episodes: int
    terminals: int
    timeouts: int
    lengths: "NDArray[np.float64]"
    returns: "NDArray[np.float64]"
    scores: "NDArray[np.float64] | None"
    reward: Spread
    columns: tuple[ColumnSummary, ...]
    plane: Plane
    coverage: Coverage


def summarise(data: "Dataset", axes: tuple[int, int] | None = None) -> Summary:
    """Return the statistics of data.

    Args:
        data: Single steps, an episode's in the order in which they were taken.
        axes: The two observed numbers whose plane coverage is seen in, if not the usual ones.

    Raises:
        OptionError: There is no such number.
    """
    lengths, returns = episode_lengths(data).astype(np.float64), episode_returns(data)
    plane = plane_of(data, axes)
    return Summary(
        transitions=len(data),
        episodes=len(lengths),
        terminals=int(data.terminal.sum()),
        timeouts=int((data.timeout & ~data.terminal).sum()),
        lengths=lengths,
        returns=returns,
        scores=_scores(data, returns),
        reward=Spread.of(data.reward),
        columns=(*_observed(data), *_done(data)),
        plane=plane,
        coverage=coverage_of(plane),
    )


def _scores(data: "Dataset", returns: "NDArray[np.float64]") -> "NDArray[np.float64] | None":
    if data.reference is None:
        return None
    low, high = data.reference.random_return, data.reference.expert_return
    scores: NDArray[np.float64] = 100.0 * (returns - low) / (high - low)
    return scores


def _observed(data: "Dataset") -> Iterator[ColumnSummary]:
    for place in range(data.observation.shape[1]):
        column = data.observation[:, place]
        yield _column(f"observation {place}", column, place, data.units.observation, None)


def _done(data: "Dataset") -> Iterator[ColumnSummary]:
    """Yield what each number of an action is like; of a chunk, over all its actions."""
    actions = data.action.reshape(-1, data.action.shape[-1])
    for place in range(actions.shape[1]):
        low, high = data.action_low[..., place].min(), data.action_high[..., place].max()
        near = _EDGE * (high - low)
        column = actions[:, place]
        edge = None
        if np.isfinite(near) and near > 0:
            edge = float(((column <= low + near) | (column >= high - near)).mean())
        yield _column(f"action {place}", column, place, data.units.action, edge)


def _column(
    name: str, values: "Floats", place: int, units: "Affine | None", edge: float | None
) -> ColumnSummary:
    spread = Spread.of(values)
    center = scale = None
    if units is not None:
        center = float(units.center[..., place].reshape(-1)[0])
        scale = float(units.scale[..., place].reshape(-1)[0])
    return ColumnSummary(
        name=name,
        spread=spread,
        edge=edge,
        seen_mean=spread.mean
        if center is None or scale is None
        else (spread.mean - center) / scale,
        seen_deviation=spread.deviation / (scale or 1.0),
    )
