"""Taking a run of another registry in, so that no run is there twice and nothing gets lost."""

from collections.abc import Callable
from typing import Any, Final, Literal

import attrs
from sqlalchemy import Connection, func, insert, select

from genpolicy.registry import schema
from genpolicy.registry.holds import Hold, lock_hold
from genpolicy.registry.places import Places
from genpolicy.registry.run_rows import NOBODY, Row, RunRows, insert_rows, read_rows, replace_rows

Outcome = Literal["entered", "replaced", "completed", "united", "unchanged", "refused"]
Place = Callable[[bool], None]
"""Puts a run's files where they belong, over others if told so; raises a RegistryError."""

_IMPORTERS: Final = 0x696D7074  # "impt": the advisory lock of those who take runs in
_SAME: Final = ("seed", "recipe_hash", "dataset_fingerprint")


@attrs.frozen
class TakenIn:
    """What became of a run that was to be taken in.

    Args:
        run: The run.
        outcome: In a word.
        message: In a sentence.
    """

    run: str
    outcome: Outcome
    message: str


def merge(
    connection: Connection, rows: RunRows, places: Places, place: Place | None = None
) -> TakenIn:
    """Take a run in.

    A run that is there already is left, but for tags and notes, unless the other is the same run
    further on. Nobody has claimed here a run that comes from elsewhere.

    Args:
        connection: A connection inside a writing transaction.
        rows: The run, its directory where it shall be.
        places: How this registry stores paths.
        place: Puts its files there, called before anything is certain.

    Raises:
        RegistryError: Its files cannot be put there.
    """
    be_alone(connection)
    hold = lock_hold(connection, rows.id)
    ours = read_rows(connection, rows.id, places)
    if hold is None or ours is None:
        return _enter(connection, rows.changed(**NOBODY), places, place)
    if any(ours.run[name] != rows.run[name] for name in _SAME):
        text = "another run has that identifier here; neither was changed"
        return TakenIn(rows.id, "refused", text)
    if _is_further(rows.run, ours.run):
        return _replace(connection, rows.changed(**NOBODY), ours, places, place, hold)
    if place is not None and not ours.directory.is_dir():
        place(False)
        replace_rows(connection, _united(ours.moved(rows.directory), rows), places)
        return TakenIn(rows.id, "completed", f"its files are in {str(rows.directory)!r} now")
    return _unite(connection, ours, rows)


def be_alone(connection: Connection) -> None:
    """Wait for others that take runs in; SQLite lets in one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_IMPORTERS)))


def _enter(connection: Connection, rows: RunRows, places: Places, place: Place | None) -> TakenIn:
    if place is not None:
        place(False)
    insert_rows(connection, rows, places)
    return TakenIn(rows.id, "entered", f"{rows.run['state']}, on {rows.run['dataset_name']}")


def _replace(
    connection: Connection,
    rows: RunRows,
    ours: RunRows,
    places: Places,
    place: Place | None,
    hold: Hold,
) -> TakenIn:
    if hold.is_alive:
        text = f"it is being trained here by {hold.process}; it was left as it is"
        return TakenIn(rows.id, "refused", text)
    if place is not None:
        place(True)
    replace_rows(connection, _united(rows, ours), places)
    was, now = (_how_far(run) for run in (ours.run, rows.run))
    return TakenIn(rows.id, "replaced", f"{now} there, {was} here")


def _unite(connection: Connection, ours: RunRows, theirs: RunRows) -> TakenIn:
    new = _new_words(ours, theirs)
    for name, rows in new.items():
        if rows:
            table = schema.metadata.tables[name]
            connection.execute(insert(table), [{**row, "run_id": ours.id} for row in rows])
    told = [_counted(len(rows), name) for name, rows in new.items() if rows]
    if told:
        return TakenIn(ours.id, "united", f"it was there; it got {' and '.join(told)}")
    return TakenIn(ours.id, "unchanged", "it was there")


def _united(rows: RunRows, other: RunRows) -> RunRows:
    new = _new_words(rows, other)
    children = {name: [*rows.children[name], *new.get(name, ())] for name in rows.children}
    return attrs.evolve(rows, children=children)


def _new_words(ours: RunRows, theirs: RunRows) -> dict[str, list[Row]]:
    """Return the rows of the tags and notes that only they have."""
    tags, notes = ours.words
    return {
        "tags": [row for row in theirs.children["tags"] if row["tag"] not in tags],
        "notes": [row for row in theirs.children["notes"] if row["note"] not in notes],
    }


def _counted(number: int, nouns: str) -> str:
    return f"a {nouns[:-1]}" if number == 1 else f"{number} {nouns}"


def _is_further(theirs: Row, ours: Row) -> bool:
    """Whether theirs is the same run at a later time."""
    if ours["state"] == "finished":
        return False
    if theirs["state"] == "finished":
        return True
    heard = _heard(theirs), _heard(ours)
    ended = theirs["finished"] is not None and ours["finished"] is None
    return heard[0] > heard[1] or (heard[0] == heard[1] and ended)


def _heard(run: Row) -> Any:
    return run["heartbeat"] or run["created"]


def _how_far(run: Row) -> str:
    return f"{run['state']} at step {run['step']:,}"
