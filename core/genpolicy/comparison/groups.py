"""Runs by what they have in common: rows of a table, with their scores on each dataset."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np

from genpolicy.comparison.footing import (
    Field,
    Footing,
    Metric,
    ScoredRun,
    counted_of,
    first_few,
)
from genpolicy.comparison.resampling import Sample
from genpolicy.errors import UsageError, did_you_mean
from genpolicy.recipe_settings import nearest_key, option_value
from genpolicy.records import KINDS

if TYPE_CHECKING:
    from genpolicy.registry import RunSummary

RECIPE: Final = "recipe"
"""The key that tells all settings apart: how the recipe's hash begins."""

BY: Final = ("objective", "backbone")
"""How runs are grouped, unless somebody asks otherwise."""

FEW: Final = 5
"""Fewer seeds than this deserve a warning."""

Values = tuple[Any, ...]
Limits = tuple[float, float]

_LIMITS: Final[Mapping[Metric, Limits]] = {"success": (0.0, 100.0)}
_NO_LIMITS: Final = (-math.inf, math.inf)


@attrs.frozen(eq=False, kw_only=True)
class Cell:
    """The runs of one group on one dataset.

    Args:
        sample: Their scores.
        seeds: How many different seeds they have.
        recipes: How many different recipes.
    """

    sample: Sample
    seeds: int
    recipes: int


@attrs.frozen(eq=False, kw_only=True)
class Group:
    """Runs with the same parts, and the same values of options.

    Args:
        keys: What it is told apart by, as the comparison's.
        values: The full names of these parts and the values of these options, in the order of the
            keys; ``None`` where there is no such part or option.
        reference: Whether they measured a reference policy, whose name in parentheses stands for
            the objective.
        cells: Its runs by dataset.
    """

    keys: tuple[str, ...]
    values: Values
    reference: bool
    cells: Mapping[str, Cell]

    @property
    def label(self) -> str:
        """What it is called in words, such as ``"gmpo,flow"`` or ``"gmpo,objective.beta=2"``."""
        told = [pair for pair in zip(self.keys, self.values, strict=True) if pair[1] is not None]
        return ",".join(_name(key, value) for key, value in told) or "no part"


@attrs.frozen(eq=False, kw_only=True)
class Comparison:
    """Groups side by side.

    Args:
        footing: What all their runs share.
        keys: What the groups differ by.
        datasets: The names of the data, sorted.
        groups: The groups, sorted by their values.
        remarks: What was left out, in words.
        warnings: What to be wary of, in words.
    """

    footing: Footing
    keys: tuple[str, ...]
    datasets: tuple[str, ...]
    groups: tuple[Group, ...]
    remarks: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def complete(self) -> tuple[Group, ...]:
        """The groups with runs on every dataset, which alone may be averaged over them."""
        return tuple(group for group in self.groups if len(group.cells) == len(self.datasets))


def compared(field: Field, by: Sequence[str] = BY) -> Comparison:
    """Return runs by what they have in common.

    Reference policies are rows only beside objectives, and a dataset on which nothing but these was
    measured does not count, unless there is no other.

    Args:
        field: The runs.
        by: Kinds of parts, slots such as ``"student.backbone"``, options such as
            ``"objective.beta"`` if the runs were read with their settings, or ``"recipe"``.

    Raises:
        UsageError: Runs cannot be grouped so.
    """
    trained = [scored for scored in field.runs if scored.run.reference is None]
    _check_keys(by, trained)
    shown = {scored.dataset for scored in trained or field.runs}
    references = [scored for scored in field.runs if scored.run.reference is not None]
    found: dict[Values, dict[str, list[ScoredRun]]] = {}
    for scored in [*trained, *(references if "objective" in by else [])]:
        if scored.dataset in shown:
            cells = found.setdefault(_values(scored.run, by), {})
            cells.setdefault(scored.dataset, []).append(scored)
    datasets = tuple(sorted(shown))
    limits = _LIMITS.get(field.footing.metric, _NO_LIMITS)
    ordered = sorted(found.items(), key=_order)
    groups = [_group(tuple(by), values, cells, limits) for values, cells in ordered]
    passed_over = {scored.dataset for scored in references} - shown
    remarks = [
        *field.remarks,
        *_bare(sorted(passed_over)),
        *_incomplete(groups, datasets),
        *_merged(groups, by),
    ]
    return Comparison(
        footing=field.footing,
        keys=tuple(by),
        datasets=datasets,
        groups=tuple(groups),
        remarks=tuple(remarks),
        warnings=tuple(_few(groups)),
    )


def _check_keys(by: Sequence[str], trained: Sequence[ScoredRun]) -> None:
    slots = dict.fromkeys(slot for scored in trained for slot in scored.run.parts)
    known = [*KINDS, *(slot for slot in slots if slot not in (*KINDS, "dataset")), RECIPE]
    settings = dict.fromkeys(key for scored in trained for key in scored.run.settings)
    options = [key for key in settings if _is_option(key)]
    for key in by:
        if key not in known and key not in options:
            hint = nearest_key(key, [*known, *options]) if "." in key else did_you_mean(key, known)
            raise UsageError(f"runs cannot be grouped by {key!r}{hint}")
    if not by or len(set(by)) < len(by):
        raise UsageError(f"runs are grouped by different keys, such as {','.join(BY)}")


def _values(run: "RunSummary", by: Sequence[str]) -> Values:
    if run.reference is not None:
        return tuple(f"({run.reference})" if key == "objective" else None for key in by)
    return tuple(_value(run, key) for key in by)


def _value(run: "RunSummary", key: str) -> Any:
    if key == RECIPE:
        return run.recipe_hash[:6]
    return run.setting(key) if _is_option(key) else run.parts.get(key)


def _is_option(key: str) -> bool:
    return "." in key and key.rpartition(".")[2] not in KINDS


def _name(key: str, value: Any) -> str:
    return f"{key}={option_value(value)}" if _is_option(key) else value.removeprefix("genpolicy/")


def _order(item: tuple[Values, object]) -> tuple[tuple[float, str], ...]:
    return tuple(map(_rank, item[0]))


def _rank(value: Any) -> tuple[float, str]:
    number = float(value) if isinstance(value, (int, float)) else -math.inf
    return number, "" if value is None else option_value(value)


def _group(
    keys: tuple[str, ...],
    values: Values,
    cells: Mapping[str, Sequence[ScoredRun]],
    limits: Limits,
) -> Group:
    (first, *_), *_ = cells.values()
    made = {dataset: _cell(cells[dataset], limits) for dataset in sorted(cells)}
    reference = first.run.reference is not None
    return Group(keys=keys, values=values, reference=reference, cells=made)


def _cell(scored: Sequence[ScoredRun], limits: Limits) -> Cell:
    ordered = sorted(scored, key=lambda one: (one.run.seed, one.run.id))
    trained = [one.run for one in ordered if one.run.reference is None]
    return Cell(
        sample=Sample(
            values=np.array([one.value for one in ordered]),
            errors=np.array([one.error for one in ordered]),
            limits=limits,
        ),
        seeds=len({run.seed for run in trained}),
        recipes=len({run.recipe_hash for run in trained}),
    )


def _bare(datasets: Sequence[str]) -> Iterator[str]:
    if datasets:
        yield f"passed over, with reference policies alone: {first_few(datasets)}"


def _incomplete(groups: Sequence[Group], datasets: Sequence[str]) -> Iterator[str]:
    lacking = [
        f"{group.label} (lacks {first_few([d for d in datasets if d not in group.cells])})"
        for group in groups
        if len(group.cells) < len(datasets)
    ]
    if lacking:
        yield f"not taken over all {len(datasets)} datasets: {first_few(lacking, '; ')}"


def _merged(groups: Sequence[Group], by: Sequence[str]) -> Iterator[str]:
    merged = [group for group in groups if any(cell.recipes > 1 for cell in group.cells.values())]
    if merged:
        rows = f"{counted_of(len(merged), 'row')} merge{'s' if len(merged) == 1 else ''}"
        yield f"{rows} runs of different recipes; --by {','.join(by)},{RECIPE} tells them apart"


def _few(groups: Sequence[Group]) -> Iterator[str]:
    seeds = {
        group.label: min(cell.seeds for cell in group.cells.values())
        for group in groups
        if not group.reference
    }
    few = [f"{label} ({counted_of(n, 'seed')})" for label, n in seeds.items() if n < FEW]
    if few:
        yield f"fewer than five seeds: {first_few(few)}; intervals over so few are rough"
