"""Recording what a run kept beside it, as if its registry had never been in trouble."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import attrs
from sqlalchemy import Connection, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from genpolicy.errors import RegistryError
from genpolicy.records import ArtifactRecord, EvaluationRecord, EventRecord, MetricsRecord
from genpolicy.registry.encoding import printable
from genpolicy.registry.holds import Hold, lock_hold
from genpolicy.registry.merging import Outcome, TakenIn, be_alone
from genpolicy.registry.places import Places
from genpolicy.registry.rows import Record, Told, insert_run, write_record
from genpolicy.registry.run_rows import NOBODY, Key, RunRows, key_of, read_rows, replace_rows
from genpolicy.registry.schema import runs
from genpolicy.registry.unrecorded import Ending, Unrecorded

_TABLES: Final = {
    ArtifactRecord: "artifacts",
    EvaluationRecord: "evaluations",
    EventRecord: "events",
}


def take_in(connection: Connection, found: Unrecorded, places: Places, name: str) -> TakenIn:
    """Record what is not recorded yet, in its order, and what no resumption has forgotten.

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
    told = _told(found, hold, before)
    written, refused = _write(connection, before, told, places)
    changes = _changes(before, found, told)
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
            f"{name} holds no run {found.run_id!r}, and what is kept in "
            f"{str(found.path.parent)!r} does not say what it was; import the registry that "
            "it was started in first"
        )
    start = attrs.evolve(found.start, directory=places.encode(found.start.directory))
    insert_run(connection, start, NOBODY)
    times = {"created": found.begun, "started": found.begun, "heartbeat": found.heard}
    seconds = (found.heard - found.begun).total_seconds()
    values = {**times, "seconds": max(seconds, 0.0), "resumed_from": found.resumed_from}
    connection.execute(update(runs).where(runs.c.id == found.run_id).values(values))


def _told(found: Unrecorded, hold: Hold | None, rows: RunRows) -> list[Told]:
    """Return what the file tells that the run has not forgotten since, in its order."""
    told = found.told if hold else [*found.told, *found.resumptions]
    left = [each for each in told if not _is_forgotten(each, rows)]
    return sorted(left, key=lambda each: each.time)


def _is_forgotten(told: Told, rows: RunRows) -> bool:
    if isinstance(told.record, EventRecord):
        return False
    return any(
        told.time < event["recorded"] and told.record.step > event["step"]
        for event in rows.resumptions
    )


def _write(
    connection: Connection, rows: RunRows, told: list[Told], places: Places
) -> tuple[int, int]:
    """Write the records that are not there; return how many were, and how many cannot be."""
    known = set(rows.keys)
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


def _missing(record: Record, time: datetime, known: set[Key]) -> Record | None:
    """Return what of a record is not known, if anything."""
    row = {**attrs.asdict(record, recurse=False), "recorded": time}
    if isinstance(record, MetricsRecord):
        values = {
            name: value
            for name, value in record.values.items()
            if key_of("metrics", {**row, "name": name}) not in known
        }
        return attrs.evolve(record, values=values) if values else None
    return None if key_of(_TABLES[type(record)], row) in known else record


def _changes(rows: RunRows, found: Unrecorded, told: list[Told]) -> Mapping[str, Any]:
    """Return the columns of the run that the file knows better."""
    run, ending = rows.run, found.ending
    values: dict[str, Any] = {
        "step": max([run["step"], *(each.record.step for each in told)]),
        "heartbeat": max(run["heartbeat"] or found.heard, found.heard),
    }
    passed = (values["heartbeat"] - (run["heartbeat"] or found.heard)).total_seconds()
    values["seconds"] = run["seconds"] + passed
    if ending is not None and _is_the_end(ending, rows):
        values |= {"message": printable(ending.message), "state": ending.state, **NOBODY}
        values["finished"] = run["finished"] if run["state"] == ending.state else ending.time
    return {name: value for name, value in values.items() if run[name] != value}


def _is_the_end(ending: Ending, rows: RunRows) -> bool:
    """Whether a run has not gone on since, nor ended otherwise."""
    if rows.run["state"] == "finished" != ending.state:
        return False
    return all(ending.time >= event["recorded"] for event in rows.resumptions)


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
