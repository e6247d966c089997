"""What can be asked of a registry."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from genpolicy.errors import UnknownRunError
from genpolicy.recipe_settings import flat
from genpolicy.records import RunStart
from genpolicy.registry import loading
from genpolicy.registry.episode_sums import EpisodeSums
from genpolicy.registry.places import Places
from genpolicy.registry.query import (
    FINAL_COLUMNS,
    RunQuery,
    final_evaluations,
    narrowed,
    reported_state,
)
from genpolicy.registry.schema import evaluations, parts, runs, tags
from genpolicy.registry.summaries import RunDetail, RunSummary

_SHOWN: Final = 5
_NAMED_RUNS: Final = 500
_RUN_COLUMNS: Final = {
    **{name: name for name in ("id", "created", "started", "seconds", "step")},
    "dataset": "dataset_name",
    "fingerprint": "dataset_fingerprint",
    **{name: name for name in ("recipe_hash", "seed", "device", "parent")},
}
_FINAL: Final = FINAL_COLUMNS[: -len(attrs.fields(EpisodeSums))]
_FIELDS: Final = (*_RUN_COLUMNS, "state", "reference", *_FINAL)
"""The fields of a summary, in the order in which its columns are read."""

_EQUALS: Final = "="
_NEXT: Final = "\x1f"


def find_run(connection: Connection, prefix: str, name: str) -> str:
    """Return the identifier of the run that is meant.

    Args:
        connection: A connection inside a transaction.
        prefix: The identifier, or what only it begins with.
        name: What to call the registry.

    Raises:
        UnknownRunError: No run or several begin so; the message names candidates.
    """
    if not prefix:
        raise UnknownRunError("a run is named by how its id begins; got an empty name")
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
    connection: Connection, wanted: RunQuery, *, settings: bool = False
) -> list[RunSummary]:
    """Return one line per run that is meant.

    Args:
        connection: A connection inside a transaction.
        wanted: Which runs, in which order.
        settings: Whether to read the values of their recipes.

    Raises:
        OptionError: Runs cannot be sorted so.
    """
    final = final_evaluations()
    columns: list[ColumnElement[Any]] = [runs.c[column] for column in _RUN_COLUMNS.values()]
    columns += [reported_state(), runs.c.recipe["reference"].as_string()]
    columns += [final.c[name] for name in FINAL_COLUMNS]
    joined = select(*columns).outerjoin(final, final.c.run_id == runs.c.id)
    found = connection.execute(narrowed(joined, wanted, final)).all()
    ids = [row[0] for row in found]
    named, tagged = _names_and_tags(connection, ids)
    values = _settings(connection, ids) if settings else {}
    return [
        _summary(row, named.get(row[0], {}), tuple(tagged[row[0]]), values.get(row[0], {}))
        for row in found
    ]


def count_runs(connection: Connection, wanted: RunQuery) -> int:
    """Return how many runs are meant, whatever the limit.

    Args:
        connection: A connection inside a transaction.
        wanted: Which runs.
    """
    final = final_evaluations()
    query: Select[Any] = select(runs.c.id)
    if (wanted.min_score, wanted.max_score) != (None, None):  # joined only where it is asked for
        query = query.outerjoin(final, final.c.run_id == runs.c.id)
    unlimited = narrowed(query, attrs.evolve(wanted, limit=None), final).order_by(None)
    counted = select(func.count()).select_from(unlimited.subquery())
    return int(connection.execute(counted).scalar_one())


def read_detail(connection: Connection, run_id: str, places: Places) -> RunDetail:
    """Return all that is recorded of a run that exists.

    Args:
        connection: A connection inside a transaction.
        run_id: The run.
        places: How the registry stores paths.
    """
    query = select(runs, reported_state().label("reported_state")).where(runs.c.id == run_id)
    row = connection.execute(query).one()
    return RunDetail(
        start=read_start(connection, run_id, places),
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


def read_start(connection: Connection, run_id: str, places: Places) -> RunStart:
    """Return what was known of a run that exists when it started."""
    row = connection.execute(select(runs).where(runs.c.id == run_id)).one()
    run_parts = loading.load_parts(connection, parts.c.run_id == run_id)
    run_tags = connection.execute(
        select(tags.c.tag).where(tags.c.run_id == run_id).order_by(tags.c.tag)
    )
    start = loading.start_of(row, run_parts[run_id], tuple(run_tags.scalars()))
    return attrs.evolve(start, directory=places.decode(start.directory))


def _names_and_tags(
    connection: Connection, ids: Sequence[str]
) -> tuple[Mapping[str, dict[str, str]], Mapping[str, list[str]]]:
    """Return the names of runs' parts by slot, and their tags."""
    tagged: defaultdict[str, list[str]] = defaultdict(list)
    pair = parts.c.slot.concat(_EQUALS).concat(parts.c.name)
    # One row per run: a row per part takes three times as long where they are thousands.
    slots = select(parts.c.run_id, func.aggregate_strings(pair, _NEXT)).group_by(parts.c.run_id)
    words = select(tags.c.run_id, tags.c.tag).order_by(tags.c.tag)
    found = _of_runs(connection, slots, parts.c.run_id, ids)
    named = {run_id: dict(_pairs(text)) for run_id, text in found}
    for run_id, tag in _of_runs(connection, words, tags.c.run_id, ids):
        tagged[run_id].append(tag)
    return named, tagged


def _settings(connection: Connection, ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Return the values of runs' recipes by key."""
    query = select(runs.c.id, runs.c.recipe)
    return {run_id: flat(recipe) for run_id, recipe in _of_runs(connection, query, runs.c.id, ids)}


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for pair in text.split(_NEXT):
        slot, _, name = pair.partition(_EQUALS)
        yield slot, name


def _of_runs(
    connection: Connection, query: Select[Any], run_id: ColumnElement[str], ids: Sequence[str]
) -> Sequence[Any]:
    """Return the rows of few runs, or of all when that is cheaper than to name them."""
    few = query.where(run_id.in_(ids)) if len(ids) <= _NAMED_RUNS else query
    return connection.execute(few).all()


def _summary(
    row: Row[Any], named: Mapping[str, str], words: tuple[str, ...], settings: Mapping[str, Any]
) -> RunSummary:
    count, *sums = row[len(_FIELDS) :]
    return RunSummary(
        **dict(zip(_FIELDS, row, strict=False)),
        parts=named,
        tags=words,
        settings=settings,
        sums=EpisodeSums(count or 0, *sums),
    )


def _newest_ids() -> Any:
    return select(runs.c.id).order_by(runs.c.created.desc(), runs.c.id.desc()).limit(_SHOWN)


def _listed(ids: list[str]) -> str:
    rest = len(ids) - _SHOWN
    return ", ".join(ids[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
