"""Learning curves: how runs scored while they trained, seeds of one recipe taken together.

The looks at the score during training make a curve; it stands still between two stages that train
what acts, because the later one starts from what the earlier one left.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import attrs

from genpolicy.comparison.differences import Difference, differences
from genpolicy.comparison.seed_interval import interval_over_seeds
from genpolicy.comparison.selection import (
    check_data,
    check_references,
    common_protocol,
    final_score_of,
    listed,
    looks_of,
    one_per_seed,
)
from genpolicy.errors import UsageError
from genpolicy.intervals import Interval
from genpolicy.records import EvaluationRecord

if TYPE_CHECKING:
    from genpolicy.registry import RunDetail

Unit = Literal["score", "return"]


@attrs.frozen
class Point:
    """What a look found.

    Args:
        step: Steps of the whole run taken before it.
        value: The mean over its episodes; NaN where it is no finite number.
    """

    step: int
    value: float


@attrs.frozen
class Stretch:
    """The points of one stage, of which a later one begins at its first step.

    Args:
        stage: The stage's name.
        points: Its points by step.
    """

    stage: str
    points: tuple[Point, ...]


@attrs.frozen(kw_only=True)
class SeedCurve:
    """The curve of one run.

    Args:
        run: The run's id.
        seed: Its seed.
        stretches: Its looks, stage by stage.
        final: Its final score with its interval over episodes, if it has one.
    """

    run: str
    seed: int
    stretches: tuple[Stretch, ...]
    final: Interval | None

    @property
    def last_step(self) -> int:
        """The step of its last look."""
        return self.stretches[-1].points[-1].step


@attrs.frozen(kw_only=True)
class Curve:
    """The curve of a recipe.

    Args:
        differences: Its objective, and what else tells it from the other recipes.
        seeds: The curves of its seeds.
        mean: Their mean at the steps that all of them have.
        final: The mean of their final scores with its interval over seeds, or over the episodes of
            the only one.
    """

    differences: tuple[Difference, ...]
    seeds: tuple[SeedCurve, ...]
    mean: tuple[Stretch, ...]
    final: Interval | None


@attrs.frozen(kw_only=True)
class LearningCurves:
    """Curves that may be compared: one dataset, one protocol, one unit.

    Args:
        dataset: The data's name.
        protocol: The evaluation protocol's name.
        unit: Normalised scores, or returns where some run has no reference returns.
        look_episodes: How many episodes the looks have, ascending.
        final_episodes: How many the final scores have, ascending.
        curves: One per recipe, in the order of their first runs.
        remarks: What was left out or cut short, in words.
    """

    dataset: str
    protocol: str
    unit: Unit
    look_episodes: tuple[int, ...]
    final_episodes: tuple[int, ...]
    curves: tuple[Curve, ...]
    remarks: tuple[str, ...]


def learning_curves(runs: "Sequence[RunDetail]") -> LearningCurves:
    """Return the learning curves of runs, those of one recipe together.

    Of runs with the same recipe and seed the newest counts, one that finished before others.

    Args:
        runs: The runs; those that measured a reference policy are passed over.

    Raises:
        UsageError: None has looks, or they are on different data or under different protocols.
    """
    trained = [run for run in runs if run.start.reference is None]
    looked = [run for run in trained if looks_of(run)]
    if not looked:
        raise UsageError(
            f"nothing to draw: no look at the score during training is recorded of "
            f"{listed(run.id for run in runs)}; runs have looks where their dataset has an "
            "environment, unless train.looks=0"
        )
    check_data(looked)
    protocol = common_protocol(looked)
    counted = one_per_seed(looked)
    unit: Unit = "score" if all(_has_score(run) for run in counted) else "return"
    if unit == "score":
        check_references(counted)
    curves = _curves(counted, unit)
    cut_short = [remark for curve in curves for remark in _cut_short(curve)]
    return LearningCurves(
        dataset=counted[0].start.dataset.name,
        protocol=protocol,
        unit=unit,
        look_episodes=_sizes(record for run in counted for record in looks_of(run)),
        final_episodes=_sizes(record for run in counted if (record := final_score_of(run))),
        curves=tuple(curves),
        remarks=(*_left_out(trained, looked, counted), *cut_short),
    )


def _curves(runs: "Sequence[RunDetail]", unit: Unit) -> list[Curve]:
    groups: dict[str, list[RunDetail]] = {}
    for run in runs:
        groups.setdefault(run.start.recipe_hash, []).append(run)
    told = differences([group[0].start for group in groups.values()])
    return [
        _curve([_seed_curve(run, unit) for run in group], words)
        for group, words in zip(groups.values(), told, strict=True)
    ]


def _has_score(run: "RunDetail") -> bool:
    return all(
        record.score is not None for record in (*looks_of(run), final_score_of(run)) if record
    )


def _seed_curve(run: "RunDetail", unit: Unit) -> SeedCurve:
    final = final_score_of(run)
    return SeedCurve(
        run=run.id,
        seed=run.start.seed,
        stretches=_stretches(run, unit),
        final=_value(final, unit) if final is not None else None,
    )


def _stretches(run: "RunDetail", unit: Unit) -> tuple[Stretch, ...]:
    stages: dict[str, list[Point]] = {}
    value = math.nan
    for record in looks_of(run):
        if stages and record.stage not in stages:
            stages[record.stage] = _held(run, record, value)
        value = _finite(_value(record, unit).mean)
        stages.setdefault(record.stage, []).append(Point(record.step, value))
    return tuple(Stretch(stage, tuple(points)) for stage, points in stages.items())


def _held(run: "RunDetail", record: EvaluationRecord, value: float) -> list[Point]:
    """Return where a later stage starts, if that is recorded: at the score of the one before."""
    begins = f"{record.stage}: "
    starts = [e.step for e in run.events if e.kind == "stage" and e.message.startswith(begins)]
    return [Point(starts[0], value)] if starts and starts[0] < record.step else []


def _value(record: EvaluationRecord, unit: Unit) -> Interval:
    score = record.score
    return score if unit == "score" and score is not None else record.return_


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan


def _curve(seeds: Sequence[SeedCurve], told: tuple[Difference, ...]) -> Curve:
    finals = [seed.final for seed in seeds if seed.final is not None]
    many = interval_over_seeds([final.mean for final in finals]) if len(finals) > 1 else None
    return Curve(
        differences=told,
        seeds=tuple(sorted(seeds, key=lambda seed: seed.seed)),
        mean=_mean([seed.stretches for seed in seeds]),
        final=many or next(iter(finals), None),
    )


def _mean(curves: Sequence[tuple[Stretch, ...]]) -> tuple[Stretch, ...]:
    by_stage = [{stretch.stage: stretch.points for stretch in curve} for curve in curves]
    stages = [stretch.stage for stretch in curves[0]]
    means = [
        Stretch(stage, _mean_points([points.get(stage, ()) for points in by_stage]))
        for stage in stages
    ]
    return tuple(stretch for stretch in means if stretch.points)


def _mean_points(curves: Sequence[tuple[Point, ...]]) -> tuple[Point, ...]:
    values = [{point.step: point.value for point in points} for points in curves]
    shared = sorted(set.intersection(*(set(found) for found in values)))
    return tuple(Point(step, sum(found[step] for found in values) / len(values)) for step in shared)


def _left_out(
    trained: "Sequence[RunDetail]", looked: "Sequence[RunDetail]", counted: "Sequence[RunDetail]"
) -> list[str]:
    blind = [run.id for run in trained if not looks_of(run)]
    kept = {run.id for run in counted}
    again = [run.id for run in looked if run.id not in kept]
    remarks = []
    if blind:
        remarks.append(f"left out, without looks during training: {listed(blind)}")
    if again:
        remarks.append(f"left out, since another run has the same recipe and seed: {listed(again)}")
    return remarks


def _cut_short(curve: Curve) -> list[str]:
    last = max(seed.last_step for seed in curve.seeds)
    remarks = [
        f"{listed([seed.run])} has no look after step {seed.last_step:,}, so the mean of its "
        f"{len(curve.seeds)} seeds ends there"
        for seed in curve.seeds
        if seed.last_step < last
    ]
    lacking = [seed.run for seed in curve.seeds if seed.final is None]
    if lacking and curve.final is not None:
        remarks.append(f"not in the final score, for want of one: {listed(lacking)}")
    return remarks


def _sizes(records: Iterable[EvaluationRecord]) -> tuple[int, ...]:
    return tuple(sorted({len(record.episodes) for record in records}))
