"""The points of a grid: what runs that differ by their seed alone come to together."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from rich.table import Table

from genpolicy.comparison.seed_interval import interval_over_seeds
from genpolicy.intervals import Interval
from genpolicy.recipe_settings import flat
from genpolicy_cli.tables import RIGHT, listing
from genpolicy_cli.words import NOTHING, count, interval, option_value

if TYPE_CHECKING:
    from genpolicy.composition.agent_recipe import AgentRecipe
    from genpolicy.runs.launch import RunResult


@attrs.frozen(eq=False)
class Point:
    """Runs that differ by their seed alone.

    Args:
        options: The values of what differs between points.
        results: What the runs came to.
    """

    options: Mapping[str, Any]
    results: "Sequence[RunResult]"

    @property
    def scores(self) -> list[float]:
        """The score of each seed that has one."""
        records = [each.evaluation for each in self.results if each.evaluation is not None]
        return [record.score.mean for record in records if record.score is not None]

    @property
    def returns(self) -> list[float]:
        """The return of each seed that was scored."""
        return [each.evaluation.return_.mean for each in self.results if each.evaluation]


def as_typed(options: Sequence[str], points: "Sequence[AgentRecipe]") -> tuple[str, ...]:
    """Return the options in which points of a grid differ, in the order in which they were typed.

    Args:
        options: Those options.
        points: Every combination of their values; those of what was typed last change first.
    """
    values = [flat(each.as_json()) for each in points]

    def first_change(name: str) -> int:
        told = [repr(each.get(name)) for each in values]
        return next(number for number, each in enumerate(told) if each != told[0])

    return tuple(sorted(options, key=first_change, reverse=True))


def points_of(results: "Sequence[RunResult]", options: Sequence[str]) -> list[Point]:
    """Return the points in the order in which they come."""
    groups: dict[str, list[RunResult]] = {}
    for result in results:
        groups.setdefault(repr(values_of(result, options)), []).append(result)
    return [Point(values_of(group[0], options), group) for group in groups.values()]


def values_of(result: "RunResult", options: Sequence[str]) -> dict[str, Any]:
    """Return a run's values of some options; ``None`` of one that it does not have."""
    values = flat(result.recipe.as_json())
    return {name: values.get(name) for name in options}


def typed_values(result: "RunResult", options: Sequence[str]) -> tuple[str, ...]:
    """Return a run's values of some options as they would be typed."""
    return tuple(option_value(value) for value in values_of(result, options).values())


def points_table(points: Sequence[Point], options: Sequence[str]) -> Table:
    """Return a row per point: the mean over its seeds and its 95 % interval."""
    unit = "score" if any(point.scores for point in points) else "return"
    columns = (*options, "seeds", unit, "lowest", "highest")
    rows = [(*map(option_value, point.options.values()), *_told(point, unit)) for point in points]
    return listing(columns, rows, right=RIGHT | {"seeds", "lowest", "highest"})


def point_facts(point: Point) -> dict[str, Any]:
    """Return a point as JSON values, with the intervals over its seeds."""
    return {
        "options": point.options,
        "seeds": [each.seed for each in point.results],
        "score": _over_seeds(point.scores),
        "return": _over_seeds(point.returns),
    }


def in_words(point: Point) -> str:
    """Return what the seeds of a point scored: ``"3 seeds: mean 12.3 ± 4.5 (…), lowest …"``."""
    scores = point.scores
    mean = interval(interval_over_seeds(scores))
    certain = " (95 % interval)" if len(scores) > 1 else ""
    return (
        f"{count(len(scores), 'seed')}: mean {mean}{certain}, "
        f"lowest {min(scores):.1f}, highest {max(scores):.1f}"
    )


def _told(point: Point, unit: str) -> tuple[str, ...]:
    values = point.scores if unit == "score" else point.returns
    if not values:
        return ("0", NOTHING, NOTHING, NOTHING)
    mean = interval(interval_over_seeds(values))
    return (str(len(values)), mean, f"{min(values):.1f}", f"{max(values):.1f}")


def _over_seeds(values: Sequence[float]) -> Interval | None:
    return interval_over_seeds(values) if values else None
