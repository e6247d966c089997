"""Removing runs: their rows, all or none, and on request their folders."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import attrs
from sqlalchemy import Connection

from genpolicy.errors import RegistryError
from genpolicy.registry import marks
from genpolicy.registry.holds import lock_hold
from genpolicy.registry.places import Places
from genpolicy.registry.run_rows import delete_rows


@attrs.frozen
class Removed:
    """A run that was removed.

    Args:
        run: Its identifier.
        folder: Where it kept its files, which are still there.
    """

    run: str
    folder: Path


def remove_runs(connection: Connection, run_ids: Sequence[str], places: Places) -> list[Removed]:
    """Delete every row of some runs; runs that are gone already are no matter.

    Args:
        connection: A connection inside a writing transaction.
        run_ids: The runs.
        places: How the registry stores paths.

    Raises:
        RegistryError: A live process trains one of them.
    """
    removed = []
    for run_id in run_ids:
        hold = lock_hold(connection, run_id)
        if hold is None:
            continue
        if hold.is_alive:
            raise RegistryError(
                f"run {run_id} is being trained by {hold.process}; end it first; nothing was "
                "removed"
            )
        removed.append(Removed(run_id, Path(places.decode(hold.directory))))
    delete_rows(connection, [each.run for each in removed])
    return removed


def why_not_its_own(run_id: str, folder: Path, registry: str) -> str | None:
    """Return why a folder may not be removed with a run, or ``None`` if it may."""
    if folder.is_symlink():
        return "it is a link"
    if not folder.is_dir():
        return "it is not there"
    if folder.name != run_id:
        return "it is not named after the run"
    if not marks.is_marked(folder, run_id):
        return f"no {marks.FILE_NAME} in it says that it is the run's; remove it by hand"
    if holder := marks.holder(folder):
        return f"the run is being trained there by process {holder.pid} on {holder.place}"
    if other := marks.is_of_another_registry(folder, registry):
        return f"its run is recorded in {other}, which is there too; remove it by hand"
    return None


def remove_folder(run_id: str, folder: Path, registry: str) -> None:
    """Remove a run's own folder; what is linked into it stays where it is.

    Raises:
        RegistryError: It is not the run's own, or cannot be removed.
    """
    reason = why_not_its_own(run_id, folder, registry)
    if reason is not None:
        raise RegistryError(f"the folder {str(folder)!r} was not removed: {reason}")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise RegistryError(
            f"the folder {str(folder)!r} could not be removed: {error.strerror}"
        ) from error
