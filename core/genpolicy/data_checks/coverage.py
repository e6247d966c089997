"""How much of what can be observed data cover, seen in a plane.

The plane is that of the first two observed numbers where a goal is observed, since a goal task
observes the place first, and where there are only two; else that of the two main components of the
observations, each number divided by its deviation. Where all observations are the same, it is that
of the actions.
"""

from typing import TYPE_CHECKING, Final

import attrs
import numpy as np

from genpolicy.errors import OptionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genpolicy.dataset import Dataset, Floats

CELLS: Final = 30
"""Cells along each side of the grid."""

_MOST: Final = 200_000
"""Rows that are looked at; of more, an even choice."""

_TAIL: Final = 0.005
"""The share of the points left out of the grid at each side, so that no outlier spreads it."""


@attrs.frozen(eq=False, kw_only=True)
class Plane:
    """Points of data in a plane.

    Args:
        what: What the plane is, in words.
        names: What its axes are.
        points: ``[point, 2]``.
        dimensions: In how many dimensions the observations are spread: the participation ratio of
            their correlations' eigenvalues, (sum)² / sum of squares; 1 to the number of columns.
        columns: How many columns vary.
    """

    what: str
    names: tuple[str, str]
    points: "NDArray[np.float64]"
    dimensions: float
    columns: int

    @property
    def window(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The ends of both axes, between which nearly all points lie."""
        low, high = np.quantile(self.points, (_TAIL, 1.0 - _TAIL), axis=0)
        room = np.where(high > low, 0.02 * (high - low), 1.0)
        ends = np.stack([low - room, high + room], axis=1).tolist()
        return (ends[0][0], ends[0][1]), (ends[1][0], ends[1][1])


@attrs.frozen(kw_only=True)
class Coverage:
    """How points are spread over the cells of a grid.

    Args:
        visited: The share of the cells with a point.
        half: The share of the cells that hold half of the points, the fullest first.
    """

    visited: float
    half: float


def plane_of(data: "Dataset", axes: tuple[int, int] | None = None) -> Plane:
    """Return the plane in which data are seen best.

    Args:
        data: The data.
        axes: Two observed numbers that span it instead.

    Raises:
        OptionError: There is no such number.
    """
    some = slice(None, None, -(-len(data) // _MOST))
    seen = data.observation[some].astype(np.float64)
    size = seen.shape[1]
    if axes is not None and not all(0 <= axis < size for axis in axes):
        raise OptionError(
            f"dataset {data.name!r} observes {size} numbers, 0 to {size - 1}; got axes "
            f"{axes[0]},{axes[1]}"
        )
    values, directions = _components(seen)
    spread = _participation(values), int(np.ptp(seen, axis=0).astype(bool).sum())
    if axes is None and not spread[1]:
        return _of_actions(data.action[some], *spread)
    if axes is not None or size <= 2 or _goal(data):
        return _of_numbers(seen, axes or (0, min(1, size - 1)), *spread)
    share = values[:2].sum() / values.sum()
    return Plane(
        what=f"the two main components of the observations, {share:.0%} of their variance",
        names=("main component", "second component"),
        points=_standard(seen) @ directions[:, :2],
        dimensions=spread[0],
        columns=spread[1],
    )


def coverage_of(plane: Plane) -> Coverage:
    """Return how much of a plane's grid is covered."""
    x, y = plane.points.T
    grid, *_ = np.histogram2d(x, y, bins=CELLS, range=np.array(plane.window))
    counts = np.sort(grid.ravel())[::-1]
    needed = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2)) + 1
    return Coverage(visited=float((counts > 0).mean()), half=needed / len(counts))


def _goal(data: "Dataset") -> bool:
    return data.environment is not None and "desired_goal" in data.environment.observation_keys


def _standard(seen: "NDArray[np.float64]") -> "NDArray[np.float64]":
    deviation = seen.std(axis=0)
    standard: NDArray[np.float64] = (seen - seen.mean(axis=0)) / np.where(
        deviation > 0, deviation, 1.0
    )
    return standard


def _components(seen: "NDArray[np.float64]") -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Return the variances along the main components, the largest first, and their directions."""
    standard = _standard(seen)
    values, directions = np.linalg.eigh(standard.T @ standard / len(standard))
    return np.clip(values[::-1], 0.0, None), directions[:, ::-1]


def _participation(values: "NDArray[np.float64]") -> float:
    return float(values.sum() ** 2 / (values**2).sum()) if values.any() else 0.0


def _of_numbers(
    seen: "NDArray[np.float64]", axes: tuple[int, int], dimensions: float, columns: int
) -> Plane:
    first, second = axes
    return Plane(
        what=f"observed numbers {first} and {second}",
        names=(f"observation {first}", f"observation {second}"),
        points=seen[:, [first, second]],
        dimensions=dimensions,
        columns=columns,
    )


def _of_actions(actions: "Floats", dimensions: float, columns: int) -> Plane:
    done = actions.reshape(len(actions), -1).astype(np.float64)
    second = min(1, done.shape[1] - 1)
    return Plane(
        what=f"actions' numbers 0 and {second}, since all observations are the same",
        names=("action 0", f"action {second}"),
        points=done[:, [0, second]],
        dimensions=dimensions,
        columns=columns,
    )
