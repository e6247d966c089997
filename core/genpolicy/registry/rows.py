"""From records to rows."""

from collections.abc import Mapping
from datetime import datetime
from functools import singledispatch
from typing import Any

import attrs
from sqlalchemy import Connection, Table, delete, insert

from genpolicy.records import (
    ArtifactRecord,
    EpisodeRecord,
    EvaluationRecord,
    EventRecord,
    MetricsRecord,
    RunStart,
)
from genpolicy.registry import schema
from genpolicy.registry.clock import DatabaseNow
from genpolicy.registry.encoding import split_float
from genpolicy.registry.episode_sums import sums_of

Record = MetricsRecord | EvaluationRecord | ArtifactRecord | EventRecord


@attrs.frozen
class Told:
    """A record, and when it was told, in UTC."""

    record: Record
    time: datetime


def insert_run(connection: Connection, run: RunStart, owner: Mapping[str, Any]) -> None:
    """Write what is known of a run when it starts.

    Args:
        connection: A connection inside a writing transaction.
        run: The run.
        owner: The columns that say which process trains it.
    """
    connection.execute(insert(schema.runs).values(**_run_row(run), **owner))
    parts = [
        {"run_id": run.id, "position": position, **attrs.asdict(part, recurse=False)}
        for position, part in enumerate(run.parts)
    ]
    _insert_all(connection, schema.parts, parts)
    tags = [{"run_id": run.id, "tag": tag} for tag in dict.fromkeys(run.tags)]
    _insert_all(connection, schema.tags, tags)


def write_record(
    connection: Connection, run_id: str, record: Record, recorded: datetime | None = None
) -> None:
    """Write one record of a run; the same record written again replaces itself.

    An event is the same only if it was told at the same time.

    Args:
        connection: A connection inside a writing transaction.
        run_id: The run.
        record: The record.
        recorded: When it was told, if that was not just now.
    """
    _write(record, connection, run_id, {} if recorded is None else {"recorded": recorded})


def delete_after(connection: Connection, run_id: str, step: int) -> None:
    """Delete what a run recorded after a step; its events stay."""
    for table in (schema.metrics, schema.evaluations, schema.artifacts):
        connection.execute(delete(table).where(table.c.run_id == run_id, table.c.step > step))


@singledispatch
def _write(record: object, connection: Connection, run_id: str, time: Mapping[str, Any]) -> None:
    raise AssertionError(f"no table takes {record!r}")


@_write.register
def _(record: MetricsRecord, connection: Connection, run_id: str, time: Mapping[str, Any]) -> None:
    table = schema.metrics
    key = {"run_id": run_id, "stage": record.stage, "step": int(record.step)}
    _delete_like(connection, table, key, table.c.name.in_(list(record.values)))
    rows = []
    for name, number in record.values.items():
        value, special = split_float(number)
        rows.append({**key, "name": name, "value": value, "special": special})
    _insert_all(connection, table, rows)


@_write.register
def _(
    record: EvaluationRecord, connection: Connection, run_id: str, time: Mapping[str, Any]
) -> None:
    table = schema.evaluations
    key = {
        "run_id": run_id,
        "stage": record.stage,
        "step": int(record.step),
        "protocol": record.protocol,
        "selection": record.selection,
    }
    _delete_like(connection, table, key)
    statement = insert(table).values(
        **key,
        environment=record.environment,
        seed=int(record.seed),
        random_return=record.random_return,
        expert_return=record.expert_return,
        seconds=float(record.seconds),
        **sums_of(record.episodes).columns(),
        **time,
    )
    (evaluation_id,) = connection.execute(statement).inserted_primary_key or (None,)
    rows = [
        {"evaluation_id": evaluation_id, "position": position, **_episode_row(episode)}
        for position, episode in enumerate(record.episodes)
    ]
    _insert_all(connection, schema.episodes, rows)


@_write.register
def _(record: ArtifactRecord, connection: Connection, run_id: str, time: Mapping[str, Any]) -> None:
    row = {"run_id": run_id, **attrs.asdict(record)}
    key = {name: row[name] for name in ("run_id", "kind", "path", "step")}
    _delete_like(connection, schema.artifacts, key)
    connection.execute(insert(schema.artifacts).values(**row, **time))


@_write.register
def _(record: EventRecord, connection: Connection, run_id: str, time: Mapping[str, Any]) -> None:
    row = {"run_id": run_id, **attrs.asdict(record), **time}
    if time:
        _delete_like(connection, schema.events, row)
    connection.execute(insert(schema.events).values(row))


def _run_row(run: RunStart) -> dict[str, Any]:
    row = attrs.asdict(run, recurse=False)
    for name in ("parts", "tags", "dataset"):
        del row[name]
    dataset = attrs.asdict(run.dataset)
    row |= {f"dataset_{name}": value for name, value in dataset.items()}
    row |= {"state": "running", "started": DatabaseNow(), "heartbeat": DatabaseNow()}
    return row


def _episode_row(episode: EpisodeRecord) -> dict[str, Any]:
    value, special = split_float(episode.return_)
    return {
        "return_value": value,
        "return_special": special,
        "length": int(episode.length),
        "success": None if episode.success is None else bool(episode.success),
        "steps_to_success": episode.steps_to_success,
        "seed": int(episode.seed),
    }


def _delete_like(
    connection: Connection, table: Table, key: Mapping[str, Any], *conditions: Any
) -> None:
    same = [table.c[name].is_not_distinct_from(value) for name, value in key.items()]
    connection.execute(delete(table).where(*same, *conditions))


def _insert_all(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)
