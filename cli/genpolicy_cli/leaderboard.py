"""``agent leaderboard``."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genpolicy.uncollected import uncollected
from genpolicy_cli import flags
from genpolicy_cli.comparing import Terms, intervals_of, on_what
from genpolicy_cli.listings import Column, Printed, interval, number, show_rows
from genpolicy_cli.option_groups import grouped
from genpolicy_cli.output import err, out, say
from genpolicy_cli.run_query import Filters
from genpolicy_cli.words import NOTHING, option_value, share, short

if TYPE_CHECKING:
    from genpolicy.comparison.groups import Comparison
    from genpolicy.comparison.leaderboard import Standing


@grouped
@uncollected()
def leaderboard(
    filters: Filters,
    terms: Terms,
    printed: Printed,
    against: Annotated[
        str | None,
        typer.Option(
            help="Show how probably a run scores above one of this row, such as gmpo,flow, instead "
            "of median and gap.",
            metavar="NAME",
            rich_help_panel="How they are compared",
        ),
    ] = None,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
) -> None:
    """Compare finished runs: mean, median, interquartile mean (iqm) and optimality gap.

    Dataset by dataset, and over all of them where they are several; the best interquartile mean
    first. ± is half a 95 % interval, which need not be symmetric; --json and --csv have both ends.
    """
    from genpolicy.comparison.leaderboard import group_named, standings
    from genpolicy.registry import Registry

    with Registry.open(registry, read_only=True) as opened:
        found = opened.runs(filters.query(), settings=terms.settings)
    comparison = terms.compared(found)
    base = None if against is None else group_named(comparison, against)
    resamples = terms.drawn(found)
    rows = standings(comparison, resamples=resamples, against=base)
    columns = [*_columns(comparison, against=against)]
    if printed.form in ("json", "csv"):
        show_rows(rows, [*_place(), *columns, *_footing(comparison)], printed.form)
    else:
        out().print(f"{on_what(comparison.footing)}\n{intervals_of(resamples)}")
        if base is not None:
            out().print(f"better: how probably a run scores above one of {base.label}")
        _show_blocks(rows, columns, comparison, printed)
    for remark in (*filters.remarks, *comparison.remarks):
        err().print(remark, soft_wrap=True, style="dim")
    for warning in comparison.warnings:
        say(warning)


def _show_blocks(
    rows: "Sequence[Standing]",
    columns: Sequence[Column],
    comparison: "Comparison",
    printed: Printed,
) -> None:
    for dataset, block in groupby(rows, lambda row: row.dataset):
        left_out = "recipes" if dataset is None else "median"
        told = [column for column in columns if column.name != left_out]
        over = f"over {len(comparison.datasets)} datasets, each weighing the same"
        if printed.form == "markdown":
            out().print()
        show_rows([*block], told, printed.form, title=over if dataset is None else dataset)


def _place() -> Iterator[Column]:
    yield Column("dataset", lambda row: row.dataset)


def _columns(comparison: "Comparison", *, against: str | None) -> Iterator[Column]:
    for place, key in enumerate(comparison.keys):
        yield Column(key, _value_at(place), _name, wraps=True)
    yield number("seeds", lambda row: None if row.reference else row.seeds)
    yield number("recipes", lambda row: None if row.reference else row.recipes)
    yield interval("mean", lambda row: row.mean)
    if against is None:
        yield interval("median", lambda row: row.median)
    yield interval("iqm", lambda row: row.interquartile_mean)
    if against is not None:
        yield interval("better", lambda row: row.improvement, share)
    elif comparison.footing.metric != "return":
        yield interval("gap", lambda row: row.optimality_gap)


def _footing(comparison: "Comparison") -> Iterator[Column]:
    footing = comparison.footing
    yield Column("metric", lambda _: footing.metric)
    yield Column("protocol", lambda _: footing.protocol)
    yield Column("selection", lambda _: footing.selection)


def _value_at(place: int) -> "Callable[[Standing], Any]":
    return lambda row: row.values[place]


def _name(value: Any) -> str:
    return NOTHING if value is None else short(option_value(value))
