"""What can be asked of a registry."""

from typing import Any

import attrs
from sqlalchemy import ColumnElement, Connection, Row, case, select

from genpolicy.errors import UnknownRunError
from genpolicy.records import EvaluationRecord, PartRecord
from genpolicy.registry import loading
from genpolicy.registry.clock import LOST_AFTER_SECONDS, SecondsSince
from genpolicy.registry.places import Places
from genpolicy.registry.schema import evaluations, parts, runs, tags
from genpolicy.registry.summaries import RunDetail, RunSummary, final_of

_SHOWN = 5


def find_run(connection: Connection, prefix: str, name: str) -> str:
    """Return the identifier of the run that is meant.

    Args:
        connection: A connection inside a transaction.
        prefix: The identifier, or what only it begins with.
        name: What to call the registry.

    Raises:
        UnknownRunError: No run or several begin so; the message names candidates.
    """
    begins = runs.c.id.startswith(prefix, autoescape=True)
    query = select(runs.c.id).where(begins).order_by(runs.c.created.desc(), runs.c.id)
    found: list[str] = list(connection.execute(query).scalars())
    if prefix in found:
        return prefix
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownRunError(
            f"{len(found)} runs in {name} begin with {prefix!r}: {_listed(found)}; "
            "give more letters"
        )
    newest = list(connection.execute(_newest_ids()).scalars())
    hint = f"the newest are {_listed(newest)}" if newest else "it holds none yet"
    raise UnknownRunError(f"{name} holds no run {prefix!r}; {hint}")


def read_summaries(
    connection: Connection, limit: int | None, state: str | None, dataset: str | None
) -> list[RunSummary]:
    """Return one line per run, newest first.

    Args:
        connection: A connection inside a transaction.
        limit: How many at most.
        state: Only runs in this state, ``"lost"`` included.
        dataset: Only runs on data of this name.
    """
    query = select(runs, _state().label("reported_state"))
    if state is not None:
        query = query.where(_state() == state)
    if dataset is not None:
        query = query.where(runs.c.dataset_name == dataset)
    query = query.order_by(runs.c.created.desc(), runs.c.id.desc()).limit(limit)
    shown = query.with_only_columns(runs.c.id).scalar_subquery()
    named = loading.load_parts(connection, parts.c.run_id.in_(shown))
    selected = evaluations.c.run_id.in_(shown) & evaluations.c.selection.is_not(None)
    scored = loading.load_evaluations(connection, selected)
    return [
        _summary(row, named[row.id], final_of(scored[row.id]))
        for row in connection.execute(query).all()
    ]


def read_detail(connection: Connection, run_id: str, places: Places) -> RunDetail:
    """Return all that is recorded of a run that exists.

    Args:
        connection: A connection inside a transaction.
        run_id: The run.
        places: How the registry stores paths.
    """
    query = select(runs, _state().label("reported_state")).where(runs.c.id == run_id)
    row = connection.execute(query).one()
    run_parts = loading.load_parts(connection, parts.c.run_id == run_id)
    run_tags = connection.execute(
        select(tags.c.tag).where(tags.c.run_id == run_id).order_by(tags.c.tag)
    )
    start = loading.start_of(row, run_parts[run_id], tuple(run_tags.scalars()))
    return RunDetail(
        start=attrs.evolve(start, directory=places.decode(start.directory)),
        state=row.reported_state,
        message=row.message,
        created=row.created,
        started=row.started,
        finished=row.finished,
        heartbeat=row.heartbeat,
        seconds=row.seconds,
        step=row.step,
        resumed_from=row.resumed_from,
        evaluations=loading.load_evaluations(connection, evaluations.c.run_id == run_id)[run_id],
        metrics=loading.load_metrics(connection, run_id),
        artifacts=loading.load_artifacts(connection, run_id, places),
        events=loading.load_events(connection, run_id),
        notes=loading.load_notes(connection, run_id),
    )


def _state() -> ColumnElement[str]:
    silent = SecondsSince(runs.c.heartbeat) > LOST_AFTER_SECONDS
    return case(((runs.c.state == "running") & silent, "lost"), else_=runs.c.state)


def _summary(
    row: Row[Any], named: tuple[PartRecord, ...], final: EvaluationRecord | None
) -> RunSummary:
    scored = final if final is not None and final.episodes else None
    return RunSummary(
        id=row.id,
        state=row.reported_state,
        started=row.started,
        seconds=row.seconds,
        step=row.step,
        dataset=row.dataset_name,
        parts={part.slot: part.name for part in named},
        reference=row.recipe.get("reference"),
        seed=row.seed,
        score=scored.score if scored else None,
        return_=scored.return_ if scored else None,
        success=scored.success if scored else None,
        episodes=len(scored.episodes) if scored else 0,
        protocol=final.protocol if final else None,
        selection=final.selection if final else None,
    )


def _newest_ids() -> Any:
    return select(runs.c.id).order_by(runs.c.created.desc(), runs.c.id.desc()).limit(_SHOWN)


def _listed(ids: list[str]) -> str:
    rest = len(ids) - _SHOWN
    return ", ".join(ids[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
