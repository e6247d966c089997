"""``agent datasets stats``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from genpolicy.errors import OptionError
from genpolicy_cli import flags
from genpolicy_cli.dataset_settings import Name, Settings, named_recipe, prepared, single_steps
from genpolicy_cli.output import err, out, print_json
from genpolicy_cli.picture import prepare_picture, write_picture
from genpolicy_cli.tables import listing
from genpolicy_cli.words import NOTHING

if TYPE_CHECKING:
    from genpolicy.data_checks import ColumnSummary, Spread, Summary

_SPREAD: Final[dict[str, str]] = {
    "mean": "mean",
    "deviation": "deviation",
    "smallest": "smallest",
    "quarter": "25 %",
    "median": "median",
    "three_quarters": "75 %",
    "largest": "largest",
}


def stats(
    name: Name,
    settings: Settings = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw returns, lengths and coverage into this picture.",
            metavar="FILE.png|FILE.svg",
        ),
    ] = None,
    axes: Annotated[
        str | None,
        typer.Option(
            help="Two observed numbers whose plane coverage is seen in, counted from 0.",
            metavar="I,J",
        ),
    ] = None,
    as_json: Annotated[bool, flags.AS_JSON] = False,
    plugin: flags.Files = None,
) -> None:
    """Tell how long and how good a dataset's episodes are, and what each column holds.

    Of single steps, after the options that select episodes and change rewards.
    """
    if plot is not None:
        prepare_picture(plot, "agent datasets stats --plot")
    pair = _pair(axes)
    data = prepared(single_steps(named_recipe(name, settings or ())), name)
    with err().status(f"counting {name}"):
        from genpolicy.data_checks import summarise

        summary = summarise(data, pair)
    if plot is not None:
        from genpolicy_cli.coverage_figure import coverage_figure

        write_picture(coverage_figure(summary, data.name), plot)
    if as_json:
        print_json(_facts(summary, data.name))
    else:
        _show(summary, data.name)


def _pair(text: str | None) -> tuple[int, int] | None:
    """Return the two numbers of ``--axes I,J``."""
    if text is None:
        return None
    first, comma, second = text.partition(",")
    if not (comma and first.strip().isdecimal() and second.strip().isdecimal()):
        raise OptionError(f"--axes names two observed numbers, such as 0,1; got {text!r}")
    return int(first), int(second)


def _facts(summary: "Summary", name: str) -> dict[str, Any]:
    return {
        "name": name,
        "transitions": summary.transitions,
        "episodes": summary.episodes,
        "terminals": summary.terminals,
        "timeouts": summary.timeouts,
        **dict(_spreads(summary)),
        "columns": summary.columns,
        "coverage": {
            "plane": summary.plane.what,
            "dimensions": summary.plane.dimensions,
            "varying_columns": summary.plane.columns,
            "visited": summary.coverage.visited,
            "half": summary.coverage.half,
        },
    }


def _spreads(summary: "Summary") -> "Iterator[tuple[str, Spread]]":
    """Yield what episodes and rewards are like."""
    from genpolicy.data_checks import Spread

    yield "return", Spread.of(summary.returns)
    if summary.scores is not None:
        yield "score", Spread.of(summary.scores)
    yield "length", Spread.of(summary.lengths)
    yield "reward", summary.reward


def _show(summary: "Summary", name: str) -> None:
    out().print(
        f"dataset {name}: {summary.transitions:,} transitions, {summary.episodes:,} episodes, "
        f"{summary.terminals:,} ended, {summary.timeouts:,} cut",
        soft_wrap=True,
    )
    header, right = ("", *_SPREAD.values()), tuple(_SPREAD.values())
    rows = [(what, *_numbers(spread)) for what, spread in _spreads(summary)]
    out().print(listing(header, rows, right=right, whole=right))
    _show_columns(summary.columns)
    for sentence in _coverage(summary):
        out().print(sentence, soft_wrap=True)


def _show_columns(columns: "Sequence[ColumnSummary]") -> None:
    """Print what each column holds; what models see only where that is another number."""
    further = {
        "at an edge": any(column.edge is not None for column in columns),
        "seen mean": any(_is_changed(column) for column in columns),
        "seen deviation": any(_is_changed(column) for column in columns),
    }
    extra = [header for header, wanted in further.items() if wanted]
    rows = []
    for column in columns:
        told = {
            "at an edge": NOTHING if column.edge is None else f"{column.edge:.1%}",
            "seen mean": _number(round(column.seen_mean, 6)),
            "seen deviation": _number(column.seen_deviation),
        }
        rows.append((column.name, *_numbers(column.spread), *(told[each] for each in extra)))
    header = ("column", *_SPREAD.values(), *extra)
    out().print(listing(header, rows, right=header[1:], whole=header))


def _is_changed(column: "ColumnSummary") -> bool:
    here = (column.spread.mean, column.spread.deviation)
    return (column.seen_mean, column.seen_deviation) != here


def _numbers(spread: "Spread") -> list[str]:
    return [_number(getattr(spread, name)) for name in _SPREAD]


def _number(value: float) -> str:
    """Return a number of four digits; what is 0 but for rounding is 0."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value if abs(value) > 1e-9 else 0:.4g}"


def _coverage(summary: "Summary") -> list[str]:
    """Say how much of a plane the data cover, and in how many dimensions they are spread."""
    plane, coverage = summary.plane, summary.coverage
    sentences = [
        f"coverage, in the plane of {plane.what}: {coverage.visited:.0%} of the cells of a grid "
        f"are visited, and {coverage.half:.1%} of them hold half of the transitions"
    ]
    if plane.columns > 1:
        sentences.append(
            f"the {plane.columns} observed numbers that vary are spread over "
            f"{plane.dimensions:.1f} dimensions (participation ratio of their correlations)"
        )
    return sentences
