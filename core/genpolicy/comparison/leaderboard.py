"""Who does best: aggregates of scores with their bootstrap intervals, per dataset and over them."""

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from genpolicy.comparison import aggregates
from genpolicy.comparison.aggregates import Array, Scores
from genpolicy.comparison.footing import first_few
from genpolicy.comparison.groups import Comparison, Group, Values
from genpolicy.comparison.improvement import probability_of_improvement
from genpolicy.comparison.resampling import RESAMPLES, Pair, intervals
from genpolicy.errors import UsageError
from genpolicy.intervals import Interval
from genpolicy.recipe_settings import option_value


@attrs.frozen(kw_only=True)
class Standing:
    """How a group does on a dataset, or over all of them.

    Args:
        dataset: The data's name; ``None`` over all datasets.
        values: What tells the group from others, in the order of the comparison's keys.
        reference: Whether it is a reference policy.
        seeds: How many seeds it stands on; over datasets, on the one with the fewest.
        recipes: How many recipes it merges; over datasets, on the one with the most.
        mean: The mean, with its 95 % interval, as of all aggregates.
        median: The median over datasets of the mean; ``None`` on one dataset.
        interquartile_mean: The mean of the middle half of the scores.
        optimality_gap: How far scores stay below 100; ``None`` of returns.
        improvement: The probability that one of its runs scores above one of the group that it is
            compared with; ``None`` for that group itself, and without one.
    """

    dataset: str | None
    values: Values
    reference: bool
    seeds: int
    recipes: int
    mean: Interval
    median: Interval | None
    interquartile_mean: Interval
    optimality_gap: Interval | None
    improvement: Interval | None


@attrs.frozen(eq=False)
class _Measured:
    """A group on one dataset: its scores as they are and drawn again, and how it compares."""

    points: Scores
    redrawn: Scores
    improvement: Pair | None


def standings(
    comparison: Comparison, *, resamples: int = RESAMPLES, against: Group | None = None
) -> list[Standing]:
    """Return how each group does, dataset by dataset, and over all where they are several.

    The best interquartile mean comes first. Over datasets stand only the groups that have runs on
    every one of them; returns of different datasets have no common scale, and no such rows.

    Args:
        comparison: The groups.
        resamples: How many bootstrap resamples the intervals stand on.
        against: The group that the probability of improvement is over, if it is wanted.
    """
    scaled = comparison.footing.metric != "return"
    base = resampled(against, resamples) if against is not None else {}
    rows: dict[str | None, list[Standing]] = {dataset: [] for dataset in comparison.datasets}
    for group in comparison.groups:
        other = None if group is against else against
        measured = _measured(group, resampled(group, resamples), other, base)
        for dataset, found in measured.items():
            rows[dataset].append(_standing(group, dataset, [found], scaled))
        if scaled and 1 < len(comparison.datasets) == len(measured):
            whole = _standing(group, None, list(measured.values()), scaled)
            rows.setdefault(None, []).append(whole)
    return [row for found in rows.values() for row in sorted(found, key=_best_first)]


def resampled(group: Group, resamples: int) -> dict[str, Array]:
    """Return a group's scores drawn again, ``[resamples, run]`` by dataset.

    They depend on the group's own runs alone, so that its intervals stay the same whatever is
    beside it.
    """
    return {
        dataset: cell.sample.resampled(resamples, f"{group.values} on {dataset}")
        for dataset, cell in group.cells.items()
    }


def group_named(comparison: Comparison, name: str) -> Group:
    """Return the group that is meant.

    Args:
        comparison: The groups.
        name: Values that tell it from the others, separated by commas, such as ``"gmpo,flow"`` or
            ``"objective.beta=2"``.

    Raises:
        UsageError: No group or several are called so; the message names candidates.
    """
    wanted = {word.strip() for word in name.split(",")}
    fitting = [group for group in comparison.groups if wanted <= _names(group)]
    exact = [group for group in fitting if len(wanted) == len(group.label.split(","))]
    if len(exact or fitting) == 1:
        return (exact or fitting)[0]
    if fitting:
        labels = "; ".join(group.label for group in fitting)
        raise UsageError(f"{len(fitting)} rows are called {name!r}: {labels}; name one of them")
    known = first_few([group.label for group in comparison.groups], "; ")
    raise UsageError(f"no row is called {name!r}; there are: {known}")


def _names(group: Group) -> set[str]:
    full = {option_value(value) for value in group.values if value is not None}
    short = {value.removeprefix("genpolicy/").strip("()") for value in full}
    return full | short | set(group.label.split(","))


def _measured(
    group: Group, redrawn: Mapping[str, Array], other: Group | None, base: Mapping[str, Array]
) -> dict[str, _Measured]:
    measured = {}
    for dataset, cell in group.cells.items():
        points, better = cell.sample.values, None
        if other is not None and dataset in other.cells:
            theirs = other.cells[dataset].sample.values
            better = (
                probability_of_improvement(points, theirs),
                probability_of_improvement(redrawn[dataset], base[dataset]),
            )
        measured[dataset] = _Measured(Scores.of(points), Scores.of(redrawn[dataset]), better)
    return measured


def _standing(
    group: Group, dataset: str | None, parts: Sequence[_Measured], scaled: bool
) -> Standing:
    points, redrawn = [part.points for part in parts], [part.redrawn for part in parts]
    functions = {"mean": aggregates.mean, "interquartile_mean": aggregates.interquartile_mean}
    functions |= {"optimality_gap": aggregates.optimality_gap} if scaled else {}
    functions |= {"median": aggregates.median} if dataset is None else {}
    pairs: dict[str, Pair] = {name: (f(points), f(redrawn)) for name, f in functions.items()}
    better = [part.improvement for part in parts if part.improvement is not None]
    if len(better) == len(parts):
        shares, drawn = zip(*better, strict=True)
        pairs["improvement"] = (float(np.mean(shares)), np.mean(drawn, axis=0))
    found = intervals(pairs)
    cells = [group.cells[dataset]] if dataset is not None else [*group.cells.values()]
    return Standing(
        dataset=dataset,
        values=group.values,
        reference=group.reference,
        seeds=min(cell.seeds for cell in cells),
        recipes=max(cell.recipes for cell in cells),
        mean=found["mean"],
        median=found.get("median"),
        interquartile_mean=found["interquartile_mean"],
        optimality_gap=found.get("optimality_gap"),
        improvement=found.get("improvement"),
    )


def _best_first(row: Standing) -> tuple[float, list[str]]:
    return -row.interquartile_mean.mean, [
        "" if value is None else option_value(value) for value in row.values
    ]
