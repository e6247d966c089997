"""Taking a run of another registry in, so that no run is there twice and nothing gets lost.

Each record has a key that tells it from the others of its run. Two copies of a run become one that
has the records of both, but for those that one copy forgot when it was resumed. Where both went on
by themselves since they were the same, there is no one run that both are, and neither is changed.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import attrs
from sqlalchemy import Connection, func, insert, select

from genpolicy.errors import RegistryError
from genpolicy.registry import schema
from genpolicy.registry.holds import lock_hold
from genpolicy.registry.places import Places
from genpolicy.registry.run_rows import (
    KEYS,
    NOBODY,
    Key,
    Row,
    RunRows,
    insert_rows,
    key_of,
    read_rows,
    replace_rows,
)

Outcome = Literal["entered", "replaced", "completed", "united", "unchanged", "refused"]
Place = Callable[[bool], None]
"""Puts a run's files where they belong, over others if told so; raises a RegistryError."""

_IMPORTERS: Final = 0x696D7074  # "impt": the advisory lock of those who take runs in
_SAME: Final = ("seed", "recipe_hash", "dataset_fingerprint")
_ID: Final = re.compile(r"[0-9a-z]{1,64}")
_WORDS: Final = ("tags", "notes")


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
    connection: Connection,
    rows: RunRows,
    places: Places,
    place: Place | None = None,
    *,
    lacks_files: bool = False,
) -> TakenIn:
    """Take a run in.

    A run that is there already gets the records that only the other has. Nobody has claimed here a
    run that comes from elsewhere.

    Args:
        connection: A connection inside a writing transaction.
        rows: The run, its directory where it shall be.
        places: How this registry stores paths.
        place: Puts its files there, called before anything is certain.
        lacks_files: Whether some of these are not there.

    Raises:
        RegistryError: Its identifier is none, or its files cannot be put there.
    """
    check_id(rows.id)
    be_alone(connection)
    hold = lock_hold(connection, rows.id)
    ours = read_rows(connection, rows.id, places)
    if hold is None or ours is None:
        return _enter(connection, rows.changed(**NOBODY), places, place)
    if any(ours.run[name] != rows.run[name] for name in _SAME):
        text = "another run has that identifier here; neither was changed"
        return TakenIn(rows.id, "refused", text)
    union = _unite(ours, rows.moved(ours.directory))
    if union is None:
        text = "it went on here and there, each by itself; neither was changed"
        return TakenIn(rows.id, "refused", text)
    moves = place is not None and (union.is_theirs or lacks_files)
    if hold.is_alive and (moves or union.changes_records):
        text = f"it is being trained here by {hold.process}; it was left as it is"
        return TakenIn(rows.id, "refused", text)
    if place is not None and moves:
        place(union.is_theirs)
    made = union.rows.moved(rows.directory) if moves else union.rows
    if moves or union.changes_records:
        replace_rows(connection, made, places)
    else:
        _add_words(connection, made, union.new)
    return TakenIn(rows.id, *_in_words(ours, made, union, moved=moves))


def check_id(run_id: str) -> None:
    """Refuse a run whose identifier is none, which might not be the name of a folder.

    Raises:
        RegistryError: It is none.
    """
    if not _ID.fullmatch(run_id):
        raise RegistryError(f"{run_id!r} is no run's identifier")


def be_alone(connection: Connection) -> None:
    """Wait for others that take runs in; SQLite lets in one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_IMPORTERS)))


def _enter(connection: Connection, rows: RunRows, places: Places, place: Place | None) -> TakenIn:
    if place is not None:
        place(False)
    insert_rows(connection, rows, places)
    return TakenIn(rows.id, "entered", f"{rows.run['state']}, on {rows.run['dataset_name']}")


@attrs.frozen
class _Union:
    """Two copies of a run in one.

    Args:
        rows: The run.
        is_theirs: Whether theirs is further on, so that its state is the run's.
        new: The keys of what ours lacks of it.
        gone: Whether some of ours was forgotten by theirs.
    """

    rows: RunRows
    is_theirs: bool
    new: frozenset[Key]
    gone: bool

    @property
    def changes_records(self) -> bool:
        """Whether it is more than ours with tags and notes."""
        return self.is_theirs or self.gone or any(key[0] not in _WORDS for key in self.new)


def _unite(ours: RunRows, theirs: RunRows) -> _Union | None:
    """Return what two copies of a run are together; ``None`` if each went on by itself."""
    resumed = _resumed_since(ours, theirs), _resumed_since(theirs, ours)
    if all(resumed):
        return None
    is_theirs = bool(resumed[1]) or (not resumed[0] and _is_further(theirs.run, ours.run))
    later, earlier = (theirs.changed(**NOBODY), ours) if is_theirs else (ours, theirs)
    since = resumed[1] or resumed[0]
    keys = frozenset(later.keys)
    lacking = set(earlier.keys) - keys
    forgotten = {key for key, step in _steps(earlier) if key in lacking and _forgot(since, step)}
    if since and _went_on(earlier.run, since, bool(forgotten)):
        return None
    rows = _with(later, earlier, lacking - forgotten) if lacking - forgotten else later
    new = frozenset(rows.keys) - frozenset(ours.keys)
    return _Union(rows, is_theirs, new, is_theirs and bool(forgotten))


def _resumed_since(one: RunRows, other: RunRows) -> list[Row]:
    """Return the resumptions of a copy that the other, which was there by then, lacks."""
    known = {key_of("events", row) for row in other.resumptions}
    return [
        row
        for row in one.resumptions
        if key_of("events", row) not in known and row["recorded"] >= other.run["created"]
    ]


def _steps(rows: RunRows) -> Iterator[tuple[Key, int]]:
    """Yield what a resumption may forget, and its step."""
    for name in ("artifacts", "metrics"):
        for row in rows.children[name]:
            yield key_of(name, row), row["step"]
    for row, _ in rows.evaluations:
        yield key_of("evaluations", row), row["step"]


def _forgot(resumptions: list[Row], step: int) -> bool:
    return any(step > row["step"] for row in resumptions)


def _went_on(earlier: Row, resumptions: list[Row], has_more: bool) -> bool:
    """Whether a copy went on although the other was resumed."""
    heard_since = _heard(earlier) > resumptions[0]["recorded"]
    return earlier["state"] == "finished" or (heard_since and has_more)


def _with(later: RunRows, earlier: RunRows, keys: set[Key]) -> RunRows:
    """Return a copy of a run with some records of the other."""
    children = {
        name: [*rows, *(row for row in earlier.children[name] if key_of(name, row) in keys)]
        if name in KEYS
        else rows
        for name, rows in later.children.items()
    }
    evaluations = [pair for pair in earlier.evaluations if key_of("evaluations", pair[0]) in keys]
    steps = (step for key, step in _steps(earlier) if key in keys)
    step = max([later.run["step"], *steps])
    made = attrs.evolve(
        later.changed(step=step),
        children=children,
        evaluations=[*later.evaluations, *evaluations],
    )
    return made.in_order()


def _add_words(connection: Connection, rows: RunRows, new: frozenset[Key]) -> None:
    """Write new tags and notes, and touch nothing else: the run may be trained just now."""
    for name in _WORDS:
        added = [row for row in rows.children[name] if key_of(name, row) in new]
        if added:
            table = schema.metadata.tables[name]
            connection.execute(insert(table), [{**row, "run_id": rows.id} for row in added])


def _in_words(ours: RunRows, made: RunRows, union: _Union, *, moved: bool) -> tuple[Outcome, str]:
    if union.is_theirs:
        return "replaced", f"{_how_far(made.run)} there, {_how_far(ours.run)} here"
    told = [_counted(sum(key[0] == name for key in union.new), name) for name in _WORDS]
    if more := sum(key[0] not in _WORDS for key in union.new):
        told.insert(0, _counted(more, "records"))
    got = f"it got {' and '.join(filter(None, told))}" if any(told) else ""
    if moved:
        where = f"its files are in {str(made.directory)!r} now"
        return "completed", "; ".join(filter(None, (where, got)))
    if got:
        return "completed" if more else "united", f"it was there; {got}"
    return "unchanged", "it was there"


def _counted(number: int, nouns: str) -> str:
    return {0: "", 1: f"a {nouns[:-1]}"}.get(number, f"{number:,} {nouns}")


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
