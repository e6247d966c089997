"""How far two evaluations are apart, with the 95 % interval of the difference.

Where both have the same episodes, told by the seed of their start, the difference is taken episode
by episode, so that what a start makes easy or hard for both cancels.
"""

import math

from genpolicy.intervals import Interval, mean_interval
from genpolicy.records import EvaluationRecord


def return_difference(first: EvaluationRecord, second: EvaluationRecord) -> Interval:
    """Return the second mean return less the first; NaN ends where one episode has no spread.

    Args:
        first: An evaluation with episodes.
        second: Another, under the same protocol.
    """
    one, other = (_returns(record) for record in (first, second))
    if same_starts(first, second):
        return mean_interval([other[seed] - one[seed] for seed in one])
    a, b = first.return_, second.return_
    mean, half = b.mean - a.mean, math.hypot(a.half_width, b.half_width)
    return Interval(mean=mean, low=mean - half, high=mean + half)


def score_difference(first: EvaluationRecord, second: EvaluationRecord) -> Interval | None:
    """Return the second normalised score less the first, in points, on the first's scale.

    Args:
        first: An evaluation with episodes.
        second: Another, under the same protocol.

    Returns:
        The difference; ``None`` where there is no score.
    """
    if first.score is None:
        return None
    assert first.random_return is not None
    assert first.expert_return is not None
    scale = 100.0 / (first.expert_return - first.random_return)
    return return_difference(first, second).scaled(0.0, scale)


def success_difference(first: EvaluationRecord, second: EvaluationRecord) -> Interval | None:
    """Return the second share of solved episodes less the first.

    The interval is that of Newcombe (1998), "Interval estimation for the difference between
    independent proportions", Statistics in Medicine 17, 873–890, method 10: it has a width where
    all episodes are solved, and takes no account of their starts.

    Args:
        first: An evaluation with episodes.
        second: Another, under the same protocol.

    Returns:
        The difference; ``None`` where the environment does not tell.
    """
    a, b = first.success, second.success
    if a is None or b is None:
        return None
    mean = b.mean - a.mean
    return Interval(
        mean=mean,
        low=mean - math.hypot(b.mean - b.low, a.high - a.mean),
        high=mean + math.hypot(b.high - b.mean, a.mean - a.low),
    )


def same_starts(first: EvaluationRecord, second: EvaluationRecord) -> bool:
    """Return whether two evaluations have the same episodes, each once, told by their seeds."""
    one, other = (_returns(record) for record in (first, second))
    sizes = {len(one), len(other), len(first.episodes), len(second.episodes)}
    return len(sizes) == 1 and one.keys() == other.keys()


def _returns(record: EvaluationRecord) -> dict[int, float]:
    return {episode.seed: episode.return_ for episode in record.episodes}
