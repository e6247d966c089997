"""Claiming a run for one process, and writing to it only while the claim holds."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from genpolicy.errors import RegistryError
from genpolicy.records import EventRecord, RunStart, RunState
from genpolicy.registry import marks
from genpolicy.registry.clock import DatabaseNow, SecondsSince
from genpolicy.registry.database import Database
from genpolicy.registry.failures import TakenOverError
from genpolicy.registry.holds import Hold, lock_hold
from genpolicy.registry.processes import Owner, this_process
from genpolicy.registry.reading import read_start
from genpolicy.registry.reaping import was_reaped
from genpolicy.registry.rows import Told, delete_after, insert_run, write_record
from genpolicy.registry.schema import runs


@attrs.frozen(eq=False)
class Claim:
    """The right of this process to write to a run.

    Args:
        database: Where the run is.
        start: What is known of the run since it started, with its directory's absolute path.
        owner: This process, with the token that the run carries while the claim holds.
    """

    database: Database
    start: RunStart
    owner: Owner

    @property
    def run_id(self) -> str:
        """The run's identifier."""
        return self.start.id

    def rewind(self, step: int, time: datetime) -> None:
        """Set the run going again from a step on, and delete what it recorded after that.

        Args:
            step: The step.
            time: When this happens, by the host's clock.

        Raises:
            RegistryError: As for :meth:`write`.
        """
        with self.database.writing() as connection:
            self._update(connection, **_going_on(step))
            delete_after(connection, self.run_id, step)
            event = EventRecord(kind="resumed", message=f"from step {step}", step=step)
            write_record(connection, self.run_id, event, time)

    def write(self, told: Sequence[Told], step: int) -> None:
        """Write records and a sign of life in one transaction.

        Raises:
            RegistryError: The registry cannot be written, or no longer holds the run.
            TakenOverError: Another process resumed the run.
        """
        with self.database.writing() as connection:
            self._update(
                connection,
                heartbeat=DatabaseNow(),
                seconds=runs.c.seconds + SecondsSince(runs.c.heartbeat),
                step=step,
            )
            for each in told:
                time = each.time if isinstance(each.record, EventRecord) else None
                write_record(connection, self.run_id, each.record, time)

    def finish(self, state: RunState, message: str) -> None:
        """Write the final state and give the run up.

        Raises:
            RegistryError: As for :meth:`write`.
        """
        with self.database.writing() as connection:
            self._update(
                connection,
                state=state,
                message=message,
                finished=DatabaseNow(),
                heartbeat=DatabaseNow(),
                seconds=runs.c.seconds + SecondsSince(runs.c.heartbeat),
                **_owner_columns(None),
            )

    def release(self) -> None:
        """Give the run up as it stands, so that it can be resumed.

        Raises:
            RegistryError: As for :meth:`write`.
        """
        with self.database.writing() as connection:
            self._update(connection, **_owner_columns(None))

    def _update(self, connection: Connection, **values: Any) -> None:
        mine = (runs.c.id == self.run_id) & (runs.c.owner == self.owner.token)
        if connection.execute(update(runs).where(mine).values(values)).rowcount == 0:
            raise self._loss(connection)

    def _loss(self, connection: Connection) -> RegistryError:
        """Return the error to raise where the run no longer carries this claim's token."""
        columns = select(runs.c.owner_host, runs.c.owner_pid)
        holder = connection.execute(columns.where(runs.c.id == self.run_id)).one_or_none()
        if holder is None:
            return RegistryError(f"run {self.run_id} was removed from {self.database.name}")
        if holder.owner_pid is None and was_reaped(connection, self.run_id):
            return TakenOverError(
                f"run {self.run_id} was marked as interrupted, since nothing was heard of it"
            )
        who = "which has let it go since"
        if holder.owner_pid is not None:
            who = f"pid {holder.owner_pid} on {holder.owner_host.split()[0]}"
        return TakenOverError(f"run {self.run_id} was taken over by another process ({who})")


def claim_new(database: Database, run: RunStart) -> Claim:
    """Record the start of a run and claim it.

    Raises:
        RegistryError: The registry cannot be written, or it has a run of that identifier.
    """
    owner = this_process(uuid.uuid4().hex)
    stored = attrs.evolve(run, directory=database.places.encode(run.directory))
    with database.writing() as connection:
        try:
            insert_run(connection, stored, _owner_columns(owner))
        except IntegrityError as error:
            raise RegistryError(
                f"{database.name} already holds a run {run.id!r}, or the new one repeats a slot"
            ) from error
    return Claim(database, run, owner)


def claim_again(database: Database, run_id: str) -> tuple[Claim, int]:
    """Take over a run that is not finished and that no live process has claimed.

    What is recorded of it stays as it is; :meth:`Claim.rewind` sets it going again.

    Returns:
        The claim, and how many steps of the whole run were reported.

    Raises:
        RegistryError: The registry cannot be written, the run is finished, or a live process
            trains it.
    """
    owner = this_process(uuid.uuid4().hex)
    with database.writing() as connection:
        held = lock_hold(connection, run_id)
        if held is None:
            raise RegistryError(f"run {run_id} was removed from {database.name}")
        _refuse_if_finished(held)
        _refuse_if_alive(held)
        _refuse_if_held(held, Path(database.places.decode(held.directory)))
        values = {"heartbeat": DatabaseNow(), **_owner_columns(owner)}
        connection.execute(update(runs).where(runs.c.id == run_id).values(values))
        start = read_start(connection, run_id, database.places)
    return Claim(database, start, owner), held.step


def _refuse_if_finished(held: Hold) -> None:
    if held.state == "finished":
        raise RegistryError(
            f"run {held.run_id} was finished meanwhile; there is nothing left to resume"
        )


def _refuse_if_alive(held: Hold) -> None:
    if held.is_alive:
        raise RegistryError(
            f"run {held.run_id} is being trained by {held.process}; wait for it to end, or end "
            "it, before resuming"
        )


def _refuse_if_held(held: Hold, folder: Path) -> None:
    """Refuse a run that is trained by a process which this registry does not know of."""
    holder = marks.holder(folder)
    if holder is not None and holder != held.owner:
        raise RegistryError(
            f"run {held.run_id} is being trained by process {holder.pid} on {holder.place}, which "
            "records it in another registry; wait for it to end, or end it, before resuming"
        )


def _going_on(step: int) -> dict[str, Any]:
    return {
        "state": "running",
        "message": "",
        "finished": None,
        "heartbeat": DatabaseNow(),
        "resumed_from": step,
        "step": step,
    }


def _owner_columns(owner: Owner | None) -> dict[str, Any]:
    return {
        "owner": owner.token if owner else None,
        "owner_host": owner.host if owner else None,
        "owner_pid": owner.pid if owner else None,
    }
