"""``agent runs rm`` and ``agent runs reap``: clearing up."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from genpolicy.errors import RegistryError, UsageError
from genpolicy_cli import flags
from genpolicy_cli.keeping import Runs, existing, meant
from genpolicy_cli.listings import Column, Printed, number, show_rows
from genpolicy_cli.option_groups import grouped
from genpolicy_cli.output import err, out, say
from genpolicy_cli.run_query import Filters
from genpolicy_cli.tables import listing
from genpolicy_cli.words import NOTHING, count, interval, short

if TYPE_CHECKING:
    from genpolicy.registry import RunSummary
    from genpolicy.registry.removal import Removed

_MANY: Final = 20

_REAPED: Final = (
    Column("run", lambda run: run.run),
    number("steps", lambda run: run.step),
    Column("last heard of", lambda run: run.heard),
    Column("why", lambda run: run.message, wraps=True),
)


@grouped
def remove(
    runs: Runs = None,
    files: Annotated[
        bool, typer.Option("--files", help="Remove the runs' folders as well.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    *,
    filters: Filters,
) -> None:
    """Remove runs from the registry, all that are named or described, after asking."""
    if not runs and not filters.given:
        raise UsageError("name the runs to remove, or describe them, as with --tag WORD")
    with existing(registry) as opened:
        found = meant(opened, runs, filters)
        if not yes:
            _ask(found, files=files)
        removed = opened.remove([run.id for run in found])
    out().print(f"{count(len(removed), 'run')} removed")
    if files:
        _remove_folders(removed, opened.place)


@grouped
def reap(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them.")] = False,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    *,
    printed: Printed,
) -> None:
    """Mark runs as interrupted that nobody trains any more; they can be resumed as before.

    These are runs that were not heard of for over a minute, and those whose process is known to
    have ended. A process that comes back to such a run finds out and stops.
    """
    from genpolicy.registry import Registry

    with Registry.open(registry, read_only=True) if dry_run else existing(registry) as opened:
        found = opened.lost() if dry_run else opened.reap()
    done = "would be marked as interrupted" if dry_run else "marked as interrupted"
    remark = f"{count(len(found), 'run')} {done}" if found else "no run is lost"
    show_rows(found, _REAPED, printed.form, remarks=(remark,))


def _ask(found: "Sequence[RunSummary]", *, files: bool) -> None:
    """Tell what is to go, and go on only if that is meant.

    Raises:
        UsageError: Nobody is there to answer.
        Exit: It is not meant.
    """
    what = f"{count(len(found), 'run')}{' and what is in their folders' if files else ''}"
    if not sys.stdin.isatty():
        raise UsageError(f"{what} would be removed; --yes does it without asking")
    rows = [_row(run) for run in found[:_MANY]]
    err().print(listing(("run", "state", "dataset", "objective", "seed", "score"), rows))
    if len(found) > _MANY:
        err().print(f"and {len(found) - _MANY:,} more")
    if not typer.confirm(f"remove {what}?", err=True):
        err().print("nothing was removed")
        raise typer.Exit


def _row(run: "RunSummary") -> tuple[str, ...]:
    objective = f"({run.reference})" if run.reference else run.parts.get("objective", NOTHING)
    score = interval(run.score)
    return (run.id, run.state, run.dataset, short(objective), str(run.seed), score)


def _remove_folders(removed: "Sequence[Removed]", registry: str) -> None:
    """Remove the folders that are there.

    Raises:
        RegistryError: Some are no run's own, or cannot be removed.
    """
    from genpolicy.registry.removal import remove_folder

    there = [run for run in removed if os.path.lexists(run.folder)]
    left = 0
    for run in there:
        try:
            remove_folder(run.run, run.folder, registry)
        except RegistryError as error:
            say(str(error))
            left += 1
    if left:
        raise RegistryError(f"{left:,} of {len(there):,} folders were not removed")
