"""How far making a dataset is: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from genpolicy_cli.output import err
from genpolicy_cli.words import count

Tell = Callable[[int], None]

_SECONDS: Final = 30.0
"""How often a line is printed where there is no terminal."""


@contextmanager
def making_progress(name: str, total: int) -> Iterator[Tell]:
    """While inside, show how far it is.

    Args:
        name: What is made.
        total: How many transitions it will have.

    Yields:
        What is told of so many more transitions.
    """
    console = err()
    if not console.is_terminal:
        yield _lines(console, name, total)
        return
    columns = (
        TextColumn("making {task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, refresh_per_second=4) as progress:
        task = progress.add_task(name, total=total)
        yield lambda more: progress.advance(task, more)


def _lines(console: Console, name: str, total: int) -> Tell:
    """Return what prints a line at most every so many seconds."""
    done, told = 0, time.monotonic()

    def tell(more: int) -> None:
        nonlocal done, told
        done += more
        if time.monotonic() - told > _SECONDS:
            told = time.monotonic()
            console.print(f"making {name}: {done:,} of {count(total, 'transition')}")

    return tell
