"""Tables in one style."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from rich import box
from rich.table import Table

RIGHT: Final = frozenset(
    {"seed", "score", "episodes", "duration", "steps", "batch", "ms", "return"}
)
WHOLE: Final = RIGHT | {"id", "run", "state", "name"}


def listing(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    title: str = "",
    *,
    right: Collection[str] = RIGHT,
    whole: Collection[str] = WHOLE,
) -> Table:
    """Return a table with a header.

    Args:
        columns: The header.
        rows: The texts below it.
        title: What stands above.
        right: The columns that stand at the right.
        whole: The columns whose texts stay on one line.
    """
    table = Table(
        box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False, expand=False
    )
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=column in whole,
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
