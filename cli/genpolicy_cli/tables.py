"""Tables in one style."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table

RIGHT = frozenset({"seed", "score", "episodes", "duration", "steps", "batch", "ms", "return"})


def listing(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> Table:
    """Return a table with a header."""
    table = Table(
        box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False, expand=False
    )
    for column in columns:
        numeric = column in RIGHT
        table.add_column(
            column,
            justify="right" if numeric else "left",
            no_wrap=numeric or column in ("id", "run", "state", "name"),
            overflow="fold",
        )
    for row in rows:
        table.add_row(*row)
    return table


def facts(rows: Iterable[tuple[str, str]], title: str = "") -> Table:
    """Return a table of names and values."""
    table = Table(box=None, show_header=False, title=title or None, title_justify="left")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
