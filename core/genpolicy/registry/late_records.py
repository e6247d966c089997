"""Recording what a run kept beside it, as if its registry had never been in trouble."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import attrs
from sqlalchemy import Connection, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from genpolicy.errors import RegistryError
from genpolicy.records import ArtifactRecord, EvaluationRecord, MetricsRecord
from genpolicy.registry.encoding import printable
from genpolicy.registry.holds import Hold, lock_hold
from genpolicy.registry.merging import Outcome, TakenIn, be_alone
from genpolicy.registry.places import Places
from genpolicy.registry.rows import Record, insert_run, write_record
from genpolicy.registry.run_rows import NOBODY, RunRows, read_rows, replace_rows
from genpolicy.registry.schema import runs
from genpolicy.registry.unrecorded import Told, Unrecorded

Key = tuple[Any, ...]

_KEYS: Final = {
    "artifacts": ("kind", "path", "step"),
    "events": ("kind", "message", "step", "recorded"),
    "metrics": ("stage", "step", "name"),
}
_EVALUATION: Final = ("stage", "step", "protocol", "selection")


def take_in(connection: Connection, found: Unrecorded, places: Places, name: str) -> TakenIn:
    """Record what is not recorded yet, in its order.

    Args:
        connection: A connection inside a writing transaction.
        found: What the run kept beside it.
        places: How the registry stores paths.
        name: What to call the registry.

    Raises:
        RegistryError: A live process trains the run, or neither the registry nor the file knows
            what it was.
    """
    be_alone(connection)
    hold = lock_hold(connection, found.run_id)
    if hold is None:
        _enter(connection, found, places, name)
    elif hold.is_alive and not found.is_let_go_by(hold.owner):
        raise RegistryError(
            f"run {found.run_id} is being trained by {hold.process}; wait for it to end, or end "
            "it, before taking its records in"
        )
    before = _rows(connection, found, places)
    written, refused = _write(connection, before, _told(found, hold), places)
    changes = _changes(before, found)
    if changes:
        connection.execute(update(runs).where(runs.c.id == found.run_id).values(changes))
    after = _rows(connection, found, places)
    if after.in_order() != after:
        replace_rows(connection, after.in_order(), places)
    return TakenIn(found.run_id, *_in_words(hold, written, refused, changes))


def _rows(connection: Connection, found: Unrecorded, places: Places) -> RunRows:
    rows = read_rows(connection, found.run_id, places)
    assert rows is not None
    return rows


def _enter(connection: Connection, found: Unrecorded, places: Places, name: str) -> None:
    if found.start is None:
        raise RegistryError(
            f"{name} holds no run {found.run_id!r}, and {str(found.path)!r} does not say what it "
            "was; import the registry that it was started in first"
        )
    start = attrs.evolve(found.start, directory=places.encode(found.start.directory))
    insert_run(connection, start, NOBODY)
    times = {"created": found.begun, "started": found.begun, "heartbeat": found.heard}
    seconds = (found.heard - found.begun).total_seconds()
    values = {**times, "seconds": max(seconds, 0.0), "resumed_from": found.resumed_from}
    connection.execute(update(runs).where(runs.c.id == found.run_id).values(values))


def _told(found: Unrecorded, hold: Hold | None) -> list[Told]:
    told = found.told if hold else [*found.told, *found.resumptions]
    return sorted(told, key=lambda each: each.time)


def _write(
    connection: Connection, rows: RunRows, told: list[Told], places: Places
) -> tuple[int, int]:
    """Write the records that are not there; return how many were, and how many cannot be."""
    known = set(_known(rows))
    written = refused = 0
    for each in told:
        record = _missing(each.record, each.time, known)
        if record is None:
            continue
        if isinstance(record, ArtifactRecord):
            record = attrs.evolve(record, path=places.encode(record.path))
        if _write_alone(connection, rows.id, record, each.time):
            written += 1
        else:
            refused += 1
    return written, refused


def _write_alone(connection: Connection, run_id: str, record: Record, time: datetime) -> bool:
    """Write a record unless it is one that no database takes; return whether it was."""
    try:
        with connection.begin_nested():
            write_record(connection, run_id, record, time)
    except OperationalError:
        raise
    except (SQLAlchemyError, ArithmeticError, TypeError, ValueError):
        return False
    return True


def _known(rows: RunRows) -> Iterator[Key]:
    """Yield what tells every recorded record from others."""
    for table, names in _KEYS.items():
        for row in rows.children[table]:
            yield (table, *(row[name] for name in names))
    for row, _ in rows.evaluations:
        yield ("evaluations", *(row[name] for name in _EVALUATION))


def _missing(record: Record, time: datetime, known: set[Key]) -> Record | None:
    """Return what of a record is not known, if anything."""
    if isinstance(record, MetricsRecord):
        at = ("metrics", record.stage, record.step)
        values = {k: value for k, value in record.values.items() if (*at, k) not in known}
        return attrs.evolve(record, values=values) if values else None
    if isinstance(record, EvaluationRecord):
        key: Key = ("evaluations", *(getattr(record, name) for name in _EVALUATION))
    elif isinstance(record, ArtifactRecord):
        key = ("artifacts", record.kind, record.path, record.step)
    else:
        message = printable(str(record.message))
        key = ("events", record.kind, message, record.step, time)
    return None if key in known else record


def _changes(rows: RunRows, found: Unrecorded) -> Mapping[str, Any]:
    """Return the columns of the run that the file knows better."""
    run, ending = rows.run, found.ending
    values: dict[str, Any] = {
        "step": max([run["step"], *(told.record.step for told in found.told)]),
        "heartbeat": max(run["heartbeat"] or found.heard, found.heard),
    }
    passed = (values["heartbeat"] - (run["heartbeat"] or found.heard)).total_seconds()
    values["seconds"] = run["seconds"] + passed
    if ending is not None:
        values |= {"message": printable(ending.message), "state": ending.state, **NOBODY}
        values["finished"] = run["finished"] if run["state"] == ending.state else ending.time
    return {name: value for name, value in values.items() if run[name] != value}


def _in_words(
    hold: Hold | None, written: int, refused: int, changes: Mapping[str, Any]
) -> tuple[Outcome, str]:
    records = "one record" if written == 1 else f"{written} records"
    now = f"; it is {changes['state']} now" if changes.get("state") not in (None, "running") else ""
    lost = f"; {refused} cannot be recorded and stay in the file" if refused else ""
    if hold is None:
        return "entered", f"with {records} that it kept beside it{now}{lost}"
    if written or not changes.keys() <= {"heartbeat", "seconds"}:
        return "completed", f"it got {records} that it kept beside it{now}{lost}"
    return "unchanged", f"its records were there{lost}"
