"""What an evaluation's episodes come to, stored beside it so that no listing reads episodes."""

import math
from collections.abc import Sequence
from typing import Any

import attrs

from genpolicy.intervals import Interval, interval_of, moments, share_interval
from genpolicy.records import EpisodeRecord


@attrs.frozen
class EpisodeSums:
    """The columns of ``evaluations`` that follow from its episodes.

    Args:
        episode_count: How many episodes there are.
        return_mean: Their mean return; ``None`` where one is NaN or infinite, or there are none.
        return_deviation: The sample standard deviation of their returns, of at least two.
        success_count: How many solved the task, where the environment tells of all.
        steps_to_success_mean: The mean steps to the first success, over those that have one.
    """

    episode_count: int
    return_mean: float | None
    return_deviation: float | None
    success_count: int | None
    steps_to_success_mean: float | None

    def columns(self) -> dict[str, Any]:
        """Return the columns by name."""
        return attrs.asdict(self)

    def return_interval(self) -> Interval | None:
        """Return the mean return with its interval, NaN where it is not finite."""
        if self.episode_count == 0:
            return None
        mean, deviation = map(_or_nan, (self.return_mean, self.return_deviation))
        return interval_of(mean, deviation, self.episode_count)

    def success_interval(self) -> Interval | None:
        """Return the share of solved episodes with its interval, where the environment tells."""
        if self.success_count is None or self.episode_count == 0:
            return None
        return share_interval(self.success_count, self.episode_count)


def sums_of(episodes: Sequence[EpisodeRecord]) -> EpisodeSums:
    """Return what episodes come to."""
    solved = [episode.success for episode in episodes]
    steps = [e.steps_to_success for e in episodes if e.steps_to_success is not None]
    mean, deviation = moments([e.return_ for e in episodes]) if episodes else (math.nan, math.nan)
    return EpisodeSums(
        episode_count=len(episodes),
        return_mean=_or_none(mean),
        return_deviation=_or_none(deviation),
        success_count=None if None in solved else sum(bool(value) for value in solved),
        steps_to_success_mean=moments([float(step) for step in steps])[0] if steps else None,
    )


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
