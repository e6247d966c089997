"""What was measured of a recipe's speed, as a listing."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from genpolicy_cli.listings import Column, Form, number, show_rows
from genpolicy_cli.output import err

if TYPE_CHECKING:
    from genpolicy.bench.turns import Figure

_OURS: Final = "genpolicy"
_FLOOR: Final = "floor"
_MEANING: Final = (
    "ms: median of {rounds} rounds, in which all took turns; over: how many times as long we took"
)


def show_figures(
    figures: "Sequence[Figure]", run: str | None, form: Form, remarks: Sequence[str]
) -> None:
    """Print what was measured.

    Args:
        figures: What was measured.
        run: The id of its record, if it was recorded.
        form: How to print it.
        remarks: What is to be said of it.
    """
    others = dict.fromkeys(name for figure in figures for name in figure.ratios)
    columns = [*_columns(others)]
    if form in ("json", "csv"):
        show_rows(figures, [*columns, *_details(run)], form, remarks=remarks)
        return
    rounds = " or ".join(str(each) for each in sorted({figure.rounds for figure in figures}))
    told = [_MEANING.format(rounds=rounds), *remarks]
    show_rows(figures, columns, form, remarks=told)
    if run is not None:
        err().print(f"recorded as run {run}", style="dim")


def _columns(others: Sequence[str] | dict[str, None]) -> Iterator[Column]:
    yield Column("what", lambda figure: figure.what, wraps=False)
    yield number("batch", lambda figure: figure.batch)
    yield number("per second", lambda figure: figure.per_second)
    yield number("ms", _median(_OURS))
    for name in others:
        yield number(f"{name} ms", _median(name))
        yield number(f"over {name}", _ratio(name, "median"), _times)


def _details(run: str | None) -> Iterator[Column]:
    yield Column("ms_low", lambda figure: 1e3 * figure.seconds[_OURS].low)
    yield Column("ms_high", lambda figure: 1e3 * figure.seconds[_OURS].high)
    yield Column(f"over {_FLOOR}_low", _ratio(_FLOOR, "low"))
    yield Column(f"over {_FLOOR}_high", _ratio(_FLOOR, "high"))
    yield Column("flops", lambda figure: figure.flops)
    yield Column("rounds", lambda figure: figure.rounds)
    yield Column("run", lambda _: run)


def _median(name: str) -> Any:
    def value(figure: "Figure") -> float | None:
        spread = figure.seconds.get(name)
        return None if spread is None else 1e3 * spread.median

    return value


def _ratio(name: str, end: str) -> Any:
    def value(figure: "Figure") -> float | None:
        spread = figure.ratios.get(name)
        return None if spread is None else float(getattr(spread, end))

    return value


def _times(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
