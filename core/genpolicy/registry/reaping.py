"""Marking runs that nobody trains any more as interrupted."""

from datetime import datetime
from typing import Final

import attrs
from sqlalchemy import Connection, select, update

from genpolicy.records import EventRecord
from genpolicy.registry.clock import LOST_AFTER_SECONDS
from genpolicy.registry.holds import Hold, running_holds
from genpolicy.registry.processes import is_dead
from genpolicy.registry.rows import write_record
from genpolicy.registry.run_rows import NOBODY
from genpolicy.registry.schema import events, runs

KIND: Final = "reaped"
"""The kind of the event that marking a run leaves."""


@attrs.frozen(kw_only=True)
class Reaped:
    """A run that nobody trains any more.

    Args:
        run: Its identifier.
        step: How many of its steps were reported.
        heard: When it was last heard of, in UTC.
        message: What became of it, in words.
    """

    run: str
    step: int
    heard: datetime | None
    message: str


def find_lost(connection: Connection, *, lock: bool = False) -> list[Reaped]:
    """Return the runs that were not heard of for a minute, or whose process is known to be dead.

    Args:
        connection: A connection inside a transaction.
        lock: Whether others are to be kept from changing them until it ends.
    """
    holds = [hold for hold in running_holds(connection, lock=lock) if _is_lost(hold)]
    return [
        Reaped(run=hold.run_id, step=hold.step, heard=hold.heartbeat, message=_message(hold))
        for hold in holds
    ]


def reap(connection: Connection) -> list[Reaped]:
    """Mark the lost runs as interrupted and take them from their processes; return them.

    Args:
        connection: A connection inside a writing transaction.
    """
    lost = find_lost(connection, lock=True)
    for run in lost:
        values = {"state": "interrupted", "message": run.message, "finished": run.heard, **NOBODY}
        connection.execute(update(runs).where(runs.c.id == run.run).values(values))
        event = EventRecord(kind=KIND, message=run.message, step=run.step)
        write_record(connection, run.run, event)
    return lost


def was_reaped(connection: Connection, run_id: str) -> bool:
    """Whether marking it is the last thing that happened to a run."""
    kinds = select(events.c.kind).where(events.c.run_id == run_id)
    return connection.execute(kinds.order_by(events.c.id.desc()).limit(1)).scalar() == KIND


def _is_lost(hold: Hold) -> bool:
    silent = hold.silent_seconds > LOST_AFTER_SECONDS
    return silent or (hold.owner is not None and is_dead(hold.owner))


def _message(hold: Hold) -> str:
    if hold.heartbeat is None:
        return "it was never heard of"
    heard = f"last heard of at {hold.heartbeat:%Y-%m-%d %H:%M:%S} UTC"
    if hold.owner is None:
        return f"{heard}; no process trained it then"
    ended = "has ended" if is_dead(hold.owner) else "did not report for over a minute"
    return f"{heard}; process {hold.owner.pid} on {hold.owner.place} {ended}"
