"""Rows of records as a table, JSON, CSV or Markdown: the same rows and columns in each."""

import csv
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import attrs
import typer

from genpolicy.errors import UsageError
from genpolicy.intervals import Interval
from genpolicy_cli import words
from genpolicy_cli.output import err, out, plain, print_json
from genpolicy_cli.tables import listing

Form = Literal["table", "json", "csv", "markdown"]

_ENDS: Final = ("", "_low", "_high")
_GAP: Final = 3
_BROKEN: Final = 4
"""What a column takes at least whose texts may be broken."""


@attrs.frozen
class Printed:
    """The options that choose a form; a group for :func:`~genpolicy_cli.option_groups.grouped`."""

    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False

    def __attrs_post_init__(self) -> None:
        if sum((self.as_json, self.as_csv, self.as_markdown)) > 1:
            raise UsageError("choose one of --json, --csv and --markdown")

    @property
    def form(self) -> Form:
        """The form that was chosen."""
        if self.as_json:
            return "json"
        if self.as_csv:
            return "csv"
        return "markdown" if self.as_markdown else "table"


def text_of(value: Any) -> str:
    """Return a plain value as people read it."""
    if value is None:
        return words.NOTHING
    if isinstance(value, Interval):
        return words.interval(value)
    if isinstance(value, datetime):
        return words.moment(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(text_of, value)) if isinstance(value, (list, tuple)) else str(value)


@attrs.frozen
class Column:
    """What a listing tells of each row.

    Args:
        name: Its header.
        value: Gives a row's value: a text, number, time, truth, tuple of these, an
            :class:`~genpolicy.intervals.Interval`, or ``None``.
        text: Says that value in a table and in Markdown.
        row_text: Says it there instead, where that takes more of the row than the value.
        right: Whether it stands at the right, as numbers do.
        interval: Whether its values can be intervals, which are three columns in CSV.
        wraps: Whether a table may break its texts over several lines while others are whole; by
            default where it stands at the left.
    """

    name: str
    value: Callable[[Any], Any]
    text: Callable[[Any], str] = text_of
    row_text: Callable[[Any], str] | None = attrs.field(default=None, kw_only=True)
    right: bool = attrs.field(default=False, kw_only=True)
    interval: bool = attrs.field(default=False, kw_only=True)
    wraps: bool = attrs.field(
        default=attrs.Factory(lambda column: not column.right, takes_self=True), kw_only=True
    )

    def told(self, row: Any) -> str:
        """Return a row's value as people read it."""
        return self.text(self.value(row)) if self.row_text is None else self.row_text(row)


def number(name: str, value: Callable[[Any], Any], text: Callable[[Any], str] = text_of) -> Column:
    """Return a column of numbers."""
    return Column(name, value, text, right=True)


def interval(
    name: str, value: Callable[[Any], Interval | None], text: Callable[[Any], str] = words.interval
) -> Column:
    """Return a column of means with their intervals; of shares with ``text=words.share``."""
    return Column(name, value, text, right=True, interval=True)


def show_rows(
    rows: Sequence[Any],
    columns: Sequence[Column],
    form: Form,
    *,
    title: str = "",
    remarks: Sequence[str] = (),
) -> None:
    """Print rows on the standard output, in every form the same.

    Args:
        rows: One per line, of any kind that the columns understand.
        columns: What is told of each.
        form: How. JSON is a list of objects.
        title: What stands above a table and above Markdown.
        remarks: Sentences that people should read, printed to the standard error.
    """
    if form == "json":
        print_json(facts_of(rows, columns))
    elif form == "csv":
        _print_csv(rows, columns)
    elif form == "markdown":
        _print_markdown(rows, columns, title)
    elif rows:
        _print_table(rows, columns, title)
    for remark in remarks:
        err().print(remark, soft_wrap=True, style="dim")


def facts_of(rows: Sequence[Any], columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return the rows as JSON objects."""
    return [{column.name: _fact(column.value(row)) for column in columns} for row in rows]


def _fact(value: Any) -> Any:
    """Return a value as JSON has it; ends of an interval that are not known are null."""
    if isinstance(value, Interval):
        ends = attrs.asdict(value).items()
        return {name: end if math.isfinite(end) else None for name, end in ends}
    return plain(value)


def _print_table(rows: Sequence[Any], columns: Sequence[Column], title: str) -> None:
    console, names = out(), [column.name for column in columns]
    texts = [[column.told(row) for column in columns] for row in rows]
    fits = _least_width(columns, [names, *texts]) <= console.width
    whole = {column.name for column in columns if not column.wraps and fits}
    right = {column.name for column in columns if column.right}
    console.print(listing(names, texts, title=title, right=right, whole=whole))


def _least_width(columns: Sequence[Column], texts: Sequence[Sequence[str]]) -> int:
    """Return how wide a table must be for its whole columns; else numbers would be cut."""
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    least = [
        min(width, _BROKEN) if column.wraps else width
        for column, width in zip(columns, widths, strict=True)
    ]
    return sum(least) + _GAP * len(columns)


def named_cells(column: Column, row: Any) -> Iterator[tuple[str, str]]:
    """Return the cells of a row that CSV has for a column, by their headers."""
    yield from zip(_headers(column), _cells(column, row), strict=True)


def _print_csv(rows: Sequence[Any], columns: Sequence[Column]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header for column in columns for header in _headers(column))
    for row in rows:
        writer.writerow(cell for column in columns for cell in _cells(column, row))


def _headers(column: Column) -> list[str]:
    return [column.name + end for end in (_ENDS if column.interval else _ENDS[:1])]


def _cells(column: Column, row: Any) -> Iterator[str]:
    value = column.value(row)
    if isinstance(value, Interval):
        yield from map(_cell, _fact(value).values())
    else:
        yield _cell(value)
        yield from ("", "") if column.interval else ()


def _cell(value: Any) -> str:
    found = plain(value)
    if found is None:
        return ""
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, list):
        return ", ".join(map(_cell, found))
    return json.dumps(found, ensure_ascii=False) if isinstance(found, Mapping) else str(found)


def _print_markdown(rows: Sequence[Any], columns: Sequence[Column], title: str) -> None:
    lines = [f"**{title}**", ""] if title else []
    lines.append(_line([column.name for column in columns]))
    lines.append(_line(["---:" if column.right else "---" for column in columns], escaped=True))
    lines += [_line([column.told(row) for column in columns]) for row in rows]
    sys.stdout.write("\n".join(lines) + "\n")


def _line(texts: Sequence[str], *, escaped: bool = False) -> str:
    return f"| {' | '.join(texts if escaped else map(_escaped, texts))} |"


def _escaped(text: str) -> str:
    """Return a text that stays in its cell."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").splitlines())
