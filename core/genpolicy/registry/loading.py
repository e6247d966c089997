"""From rows to records, for many runs in one query each."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from genpolicy.records import (
    ArtifactRecord,
    DatasetRecord,
    EpisodeRecord,
    EvaluationRecord,
    MetricsRecord,
    PartRecord,
    RunStart,
)
from genpolicy.registry.encoding import join_float
from genpolicy.registry.places import Places
from genpolicy.registry.schema import artifacts, episodes, evaluations, events, metrics, notes
from genpolicy.registry.schema import parts as parts_table
from genpolicy.registry.summaries import TimedText

Condition = ColumnElement[bool]


def start_of(row: Row[Any], parts: tuple[PartRecord, ...], tags: tuple[str, ...]) -> RunStart:
    """Return what was known of a run when it started."""
    columns = row._mapping
    plain = (
        "id",
        "seed",
        "recipe",
        "recipe_hash",
        "origins",
        "directory",
        "device",
        "versions",
        "host",
        "git_commit",
        "git_dirty",
        "command",
        "parent",
    )
    dataset = ("name", "fingerprint", "transitions", "episodes")
    return RunStart(
        parts=parts,
        tags=tags,
        dataset=DatasetRecord(**{name: columns[f"dataset_{name}"] for name in dataset}),
        **{name: columns[name] for name in plain},
    )


def load_parts(
    connection: Connection, condition: Condition
) -> Mapping[str, tuple[PartRecord, ...]]:
    """Return parts by run, in the order of their recipe."""
    query = select(parts_table).where(condition).order_by(parts_table.c.position)
    found: defaultdict[str, tuple[PartRecord, ...]] = defaultdict(tuple)
    for row in connection.execute(query):
        found[row.run_id] += (
            PartRecord(
                slot=row.slot,
                kind=row.kind,
                name=row.name,
                distribution=row.distribution,
                version=row.version,
                source_hash=row.source_hash,
                options=row.options,
            ),
        )
    return found


def load_evaluations(
    connection: Connection, condition: Condition
) -> Mapping[str, tuple[EvaluationRecord, ...]]:
    """Return evaluations with their episodes by run, oldest first."""
    by_evaluation = _load_episodes(connection, condition)
    query = select(evaluations).where(condition).order_by(evaluations.c.step, evaluations.c.id)
    found: defaultdict[str, list[EvaluationRecord]] = defaultdict(list)
    for row in connection.execute(query):
        record = EvaluationRecord(
            stage=row.stage,
            step=row.step,
            protocol=row.protocol,
            selection=row.selection,
            environment=row.environment,
            seed=row.seed,
            episodes=tuple(by_evaluation[row.id]),
            random_return=row.random_return,
            expert_return=row.expert_return,
            seconds=row.seconds,
        )
        found[row.run_id].append(record)
    return defaultdict(tuple, {run_id: tuple(records) for run_id, records in found.items()})


def _load_episodes(
    connection: Connection, condition: Condition
) -> defaultdict[int, list[EpisodeRecord]]:
    query = select(episodes).join(evaluations).where(condition).order_by(episodes.c.position)
    found: defaultdict[int, list[EpisodeRecord]] = defaultdict(list)
    for row in connection.execute(query):
        record = EpisodeRecord(
            return_=join_float(row.return_value, row.return_special),
            length=row.length,
            success=row.success,
            steps_to_success=row.steps_to_success,
            seed=row.seed,
        )
        found[row.evaluation_id].append(record)
    return found


def load_metrics(connection: Connection, run_id: str) -> tuple[MetricsRecord, ...]:
    """Return a run's metrics, one record per stage and step."""
    query = select(metrics).where(metrics.c.run_id == run_id)
    values: defaultdict[tuple[int, str], dict[str, float]] = defaultdict(dict)
    for row in connection.execute(query.order_by(metrics.c.step, metrics.c.stage, metrics.c.name)):
        values[row.step, row.stage][row.name] = join_float(row.value, row.special)
    return tuple(
        MetricsRecord(stage=stage, step=step, values=named)
        for (step, stage), named in values.items()
    )


def load_artifacts(
    connection: Connection, run_id: str, places: Places
) -> tuple[ArtifactRecord, ...]:
    """Return the files that a run wrote, oldest first."""
    query = select(artifacts).where(artifacts.c.run_id == run_id).order_by(artifacts.c.id)
    return tuple(
        ArtifactRecord(
            kind=row.kind,
            path=places.decode(row.path),
            sha256=row.sha256,
            bytes=row.bytes,
            step=row.step,
        )
        for row in connection.execute(query)
    )


def load_events(connection: Connection, run_id: str) -> tuple[TimedText, ...]:
    """Return what happened to a run, oldest first."""
    query = select(events).where(events.c.run_id == run_id).order_by(events.c.id)
    return tuple(
        TimedText(kind=row.kind, message=row.message, step=row.step, time=row.recorded)
        for row in connection.execute(query)
    )


def load_notes(connection: Connection, run_id: str) -> tuple[TimedText, ...]:
    """Return what people wrote about a run, oldest first."""
    query = select(notes).where(notes.c.run_id == run_id).order_by(notes.c.id)
    return tuple(
        TimedText(kind="note", message=row.note, step=0, time=row.recorded)
        for row in connection.execute(query)
    )
