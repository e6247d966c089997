"""``agent runs sql``: somebody's own questions."""

import sys
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Final

import typer

from genpolicy.errors import UsageError
from genpolicy_cli import flags
from genpolicy_cli.listings import Column, Printed, show_rows
from genpolicy_cli.option_groups import grouped
from genpolicy_cli.words import count

_STANDARD_INPUT: Final = "-"


@grouped
def sql(
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="SQL",
            help='One SELECT, such as "SELECT * FROM v_tags"; - reads it from the standard input.',
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Read it from this file.", metavar="FILE.sql")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many rows at most.", min=1, metavar="N")] = 1000,
    seconds: Annotated[
        float, typer.Option(help="How long it may take.", min=0.001, metavar="S")
    ] = 10.0,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    *,
    printed: Printed,
) -> None:
    """Ask the registry in SQL, on views that are documented; nothing can be changed.

    The views: v_runs, v_scores, v_episodes, v_metrics, v_parts, v_artifacts, v_events, v_tags,
    v_notes. Their columns: `agent runs sql "SELECT * FROM v_runs" --limit 1 --json`.
    """
    asked = _asked(query, file)
    from genpolicy.registry import Registry

    with Registry.open(registry, read_only=True) as opened:
        found = opened.sql(asked, limit=limit, seconds=seconds)
    remarks = [] if found.rows else ["no rows"]
    if found.truncated:
        remarks = [f"only the first {count(limit, 'row')}; --limit N shows more"]
    show_rows(found.rows, _columns(found.columns, found.rows), printed.form, remarks=remarks)


def _asked(query: str | None, file: Path | None) -> str:
    if (query is None) == (file is None):
        raise UsageError('give one query: as text, such as "SELECT * FROM v_runs", or as --file')
    try:
        if file is not None:
            return file.read_text(encoding="utf-8")
        return sys.stdin.read() if query == _STANDARD_INPUT else str(query)
    except (OSError, UnicodeDecodeError) as error:
        what = "the standard input" if file is None else f"the file {str(file)!r}"
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{what} cannot be read: {reason}") from error


def _columns(names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> list[Column]:
    """Return a column for each name, those that repeat numbered from the second on."""
    taken: list[str] = []
    for name in names:
        tries = (name if n == 1 else f"{name}_{n}" for n in range(1, len(names) + 2))
        taken.append(next(found for found in tries if found not in taken))
    return [
        Column(name, itemgetter(place), _text, right=_numeric(rows, place))
        for place, name in enumerate(taken)
    ]


def _numeric(rows: Sequence[tuple[object, ...]], place: int) -> bool:
    found = [row[place] for row in rows if row[place] is not None]
    return bool(found) and all(isinstance(value, (int, float)) for value in found)


def _text(value: object) -> str:
    """Return a value as it is, but for digits that nobody reads."""
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
