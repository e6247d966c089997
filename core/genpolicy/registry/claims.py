"""Claiming a run for one process, and writing to it only while the claim holds."""

import uuid
from collections.abc import Sequence
from typing import Any

import attrs
from sqlalchemy import Connection, Row, select, update
from sqlalchemy.exc import IntegrityError

from genpolicy.errors import RegistryError
from genpolicy.records import EventRecord, RunStart, RunState
from genpolicy.registry.clock import LOST_AFTER_SECONDS, DatabaseNow, SecondsSince
from genpolicy.registry.database import Database
from genpolicy.registry.processes import Owner, is_dead, this_process
from genpolicy.registry.rows import Record, delete_after, insert_run, write_record
from genpolicy.registry.schema import runs


@attrs.frozen(eq=False)
class Claim:
    """The right of this process to write to a run.

    Args:
        database: Where the run is.
        run_id: The run.
        directory: The absolute path of where the run keeps its files.
        owner: The token that the run carries while the claim holds.
    """

    database: Database
    run_id: str
    directory: str
    owner: str

    def write(self, records: Sequence[Record], step: int) -> None:
        """Write records and a sign of life in one transaction.

        Raises:
            RegistryError: The registry cannot be written, or another process took the run over.
        """
        with self.database.writing() as connection:
            self._update(
                connection,
                heartbeat=DatabaseNow(),
                seconds=runs.c.seconds + SecondsSince(runs.c.heartbeat),
                step=step,
            )
            for record in records:
                write_record(connection, self.run_id, record)

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
        mine = (runs.c.id == self.run_id) & (runs.c.owner == self.owner)
        if connection.execute(update(runs).where(mine).values(values)).rowcount == 0:
            raise RegistryError(
                f"run {self.run_id} no longer belongs to this process: it was removed from "
                f"{self.database.name} or another process resumed it"
            )


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
    return Claim(database, run.id, run.directory, owner.token)


def claim_again(database: Database, run_id: str, step: int) -> Claim:
    """Take over a run that no live process trains, from a step on.

    Raises:
        RegistryError: The registry cannot be written, or a live process trains the run.
    """
    owner = this_process(uuid.uuid4().hex)
    with database.writing() as connection:
        held = _held(connection, run_id)
        _refuse_if_alive(held)
        connection.execute(update(runs).where(runs.c.id == run_id).values(_resumed(step, owner)))
        delete_after(connection, run_id, step)
        event = EventRecord(kind="resumed", message=f"from step {step}", step=step)
        write_record(connection, run_id, event)
    return Claim(database, run_id, database.places.decode(held.directory), owner.token)


def _held(connection: Connection, run_id: str) -> Row[Any]:
    columns = (
        runs.c.id,
        runs.c.state,
        runs.c.directory,
        runs.c.owner,
        runs.c.owner_host,
        runs.c.owner_pid,
        SecondsSince(runs.c.heartbeat).label("silent_seconds"),
    )
    return connection.execute(select(*columns).where(runs.c.id == run_id).with_for_update()).one()


def _refuse_if_alive(held: Row[Any]) -> None:
    if held.state != "running" or held.owner is None or held.silent_seconds > LOST_AFTER_SECONDS:
        return
    if is_dead(Owner(held.owner, held.owner_host, held.owner_pid)):
        return
    raise RegistryError(
        f"run {held.id} is being trained by process {held.owner_pid} on "
        f"{held.owner_host.split()[0]}, last heard of {max(held.silent_seconds, 0):.0f} s ago; "
        f"wait for it to end, or end it, before resuming"
    )


def _resumed(step: int, owner: Owner) -> dict[str, Any]:
    return {
        "state": "running",
        "message": "",
        "finished": None,
        "heartbeat": DatabaseNow(),
        "resumed_from": step,
        "step": step,
        **_owner_columns(owner),
    }


def _owner_columns(owner: Owner | None) -> dict[str, Any]:
    return {
        "owner": owner.token if owner else None,
        "owner_host": owner.host if owner else None,
        "owner_pid": owner.pid if owner else None,
    }
