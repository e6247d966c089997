"""Which process has claimed a run, and whether it is still at work."""

from datetime import datetime
from typing import Any

import attrs
from sqlalchemy import Connection, Row, Select, select

from genpolicy.registry.clock import LOST_AFTER_SECONDS, SecondsSince
from genpolicy.registry.processes import Owner, is_dead
from genpolicy.registry.schema import runs


@attrs.frozen(kw_only=True)
class Hold:
    """What a run's row says of the process that trains it.

    Args:
        run_id: The run.
        state: Its stored state.
        directory: Where it keeps its files, as it is stored.
        step: How many of its steps were reported.
        owner: The process that has claimed it, if one has.
        heartbeat: When it was last heard of, in UTC.
        silent_seconds: How long ago that was, by the database's clock.
    """

    run_id: str
    state: str
    directory: str
    step: int
    owner: Owner | None
    heartbeat: datetime | None
    silent_seconds: float

    @property
    def is_alive(self) -> bool:
        """Whether a process has claimed the run, was heard of lately and may still live."""
        if self.owner is None or self.silent_seconds > LOST_AFTER_SECONDS:
            return False
        return not is_dead(self.owner)

    @property
    def process(self) -> str:
        """The process that has claimed it, in words."""
        assert self.owner is not None
        heard = f"last heard of {max(self.silent_seconds, 0):.0f} s ago"
        return f"process {self.owner.pid} on {self.owner.place}, {heard}"


def lock_hold(connection: Connection, run_id: str) -> Hold | None:
    """Return a run's hold, and keep others from changing the run until the transaction ends."""
    query = _holds().where(runs.c.id == run_id).with_for_update()
    row = connection.execute(query).one_or_none()
    return None if row is None else _hold(row)


def running_holds(connection: Connection, *, lock: bool) -> list[Hold]:
    """Return the holds of all runs that are stored as running, oldest first.

    Args:
        connection: A connection inside a transaction.
        lock: Whether others are to be kept from changing these runs until it ends.
    """
    query = _holds().where(runs.c.state == "running").order_by(runs.c.created, runs.c.id)
    return [_hold(row) for row in connection.execute(query.with_for_update() if lock else query)]


def _holds() -> Select[Any]:
    names = ("id", "state", "directory", "step", "heartbeat", "owner", "owner_host", "owner_pid")
    columns = [runs.c[name] for name in names]
    return select(*columns, SecondsSince(runs.c.heartbeat).label("silent_seconds"))


def _hold(row: Row[Any]) -> Hold:
    claimed = row.owner is not None
    return Hold(
        run_id=row.id,
        state=row.state,
        directory=row.directory,
        step=row.step,
        owner=Owner(row.owner, row.owner_host, row.owner_pid) if claimed else None,
        heartbeat=row.heartbeat,
        silent_seconds=float("inf") if row.silent_seconds is None else float(row.silent_seconds),
    )
