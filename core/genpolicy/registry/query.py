"""Which recorded runs are meant, and in which order."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import attrs
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    nulls_last,
    or_,
    select,
    true,
)

from genpolicy.errors import OptionError
from genpolicy.records import KINDS, ReportedState
from genpolicy.registry.clock import LOST_AFTER_SECONDS, SecondsSince
from genpolicy.registry.episode_sums import EpisodeSums
from genpolicy.registry.schema import evaluations, parts, runs, tags

FINAL_COLUMNS: Final = (
    "protocol",
    "selection",
    "random_return",
    "expert_return",
    *attrs.fields_dict(EpisodeSums),
)
"""What is known of the evaluation that a run's final score stands on."""

_ESCAPE: Final = "\\"
_LARGEST: Final = 2**63 - 1
_DESCENDING: Final = frozenset(
    {"created", "started", "score", "return", "success", "episodes", "duration", "steps"}
)


@attrs.frozen(kw_only=True)
class RunQuery:
    """Which runs are meant; what is not given restricts nothing.

    In names ``*`` stands for any letters and ``?`` for one; the case of A to Z does not count.

    Args:
        ids: Identifiers, or what only they begin with.
        parts: Names of parts by kind, full or without their distribution; a run fits that has one
            of them for every kind.
        datasets: Names of data, of which a run has one.
        states: Of which a run is in one, ``"lost"`` included.
        tags: All of which a run has.
        since: Only runs entered then or later.
        until: Only runs entered before then.
        seeds: Of which a run has one.
        min_score: Only runs whose final normalised score is at least this.
        max_score: Only runs whose final normalised score is at most this.
        sort: What to sort by, one of :data:`SORTS`. Times and numbers that are results begin with
            the largest, all else with the smallest; runs without it come last.
        reverse: Whether to turn that order round.
        limit: How many at most.
    """

    ids: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    datasets: tuple[str, ...] = ()
    states: tuple[ReportedState, ...] = ()
    tags: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    seeds: tuple[int, ...] = ()
    min_score: float | None = None
    max_score: float | None = None
    sort: str = "created"
    reverse: bool = False
    limit: int | None = None


EVERY_RUN: Final = RunQuery()


def reported_state() -> ColumnElement[str]:
    """Return the state that is shown, in which a silent running run is lost."""
    silent = SecondsSince(runs.c.heartbeat) > LOST_AFTER_SECONDS
    return case(((runs.c.state == "running") & silent, "lost"), else_=runs.c.state)


def final_evaluations() -> Any:
    """Return, as a subquery, the evaluation of each run that its final score stands on."""
    others = case((evaluations.c.selection == "last", 0), else_=1)
    order = (others, evaluations.c.step.desc(), evaluations.c.id.desc())
    place = func.row_number().over(partition_by=evaluations.c.run_id, order_by=order)
    columns = [evaluations.c[name] for name in ("run_id", *FINAL_COLUMNS)]
    selected = select(*columns, place.label("place")).where(evaluations.c.selection.is_not(None))
    every = selected.subquery()
    return select(every).where(every.c.place == 1).subquery("final")


def narrowed(query: Select[Any], wanted: RunQuery, final: Any) -> Select[Any]:
    """Return a selection of runs, restricted and sorted as wanted.

    Args:
        query: A selection from ``runs`` joined with the final evaluations.
        wanted: Which runs are meant.
        final: :func:`final_evaluations`, as it was joined.

    Raises:
        OptionError: Runs cannot be sorted so.
    """
    return (
        query.where(and_(true(), *_conditions(wanted, final)))
        .order_by(*_order(wanted, final))
        .limit(wanted.limit)
    )


def _conditions(wanted: RunQuery, final: Any) -> Iterator[ColumnElement[bool]]:
    if wanted.ids:
        yield or_(*(runs.c.id.startswith(i, autoescape=True) for i in wanted.ids))
    for kind, names in wanted.parts.items():
        yield _has_part(kind, names) if names else false()
    if wanted.datasets:
        yield or_(*(_like(runs.c.dataset_name, name) for name in wanted.datasets))
    if wanted.states:
        yield reported_state().in_(wanted.states)
    for tag in wanted.tags:
        yield exists().where(tags.c.run_id == runs.c.id, tags.c.tag == tag)
    if wanted.seeds:
        yield runs.c.seed.in_([seed for seed in wanted.seeds if abs(seed) <= _LARGEST])
    if wanted.since is not None:
        yield runs.c.created >= wanted.since
    if wanted.until is not None:
        yield runs.c.created < wanted.until
    if wanted.min_score is not None:
        yield _score(final) >= wanted.min_score
    if wanted.max_score is not None:
        yield _score(final) <= wanted.max_score


def _has_part(kind: str, names: tuple[str, ...]) -> ColumnElement[bool]:
    named = or_(*(_like(parts.c.name, name) | _like(parts.c.name, f"*/{name}") for name in names))
    return exists().where(parts.c.run_id == runs.c.id, parts.c.kind == kind, named)


def _like(column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    for letter in (_ESCAPE, "%", "_"):
        pattern = pattern.replace(letter, _ESCAPE + letter)
    told = literal(pattern.replace("*", "%").replace("?", "_"), column.type)
    # Both are lowered by the database, which may know the case of A to Z alone.
    return func.lower(column).like(func.lower(told), escape=_ESCAPE)


def _score(final: Any) -> ColumnElement[Any]:
    span = func.nullif(final.c.expert_return - final.c.random_return, 0.0)
    gained: ColumnElement[Any] = final.c.return_mean - final.c.random_return
    return 100.0 * gained / span


def _part_name(kind: str) -> ColumnElement[str]:
    first = select(parts.c.name).where(parts.c.run_id == runs.c.id, parts.c.kind == kind)
    return first.order_by(parts.c.position).limit(1).scalar_subquery()


def _sortable(final: Any) -> dict[str, ColumnElement[Any]]:
    return {
        "run": runs.c.id,
        "created": runs.c.created,
        "started": runs.c.started,
        "duration": runs.c.seconds,
        "steps": runs.c.step,
        "state": reported_state(),
        "seed": runs.c.seed,
        "dataset": runs.c.dataset_name,
        **{kind: _part_name(kind) for kind in KINDS},
        "score": _score(final),
        "return": final.c.return_mean,
        "success": final.c.success_count * 1.0 / func.nullif(final.c.episode_count, 0),
        "episodes": final.c.episode_count,
    }


SORTS: Final = tuple(_sortable(evaluations))
"""What runs can be sorted by."""


def _order(wanted: RunQuery, final: Any) -> Iterator[Any]:
    known = _sortable(final)
    if wanted.sort not in known:
        raise OptionError(f"runs cannot be sorted by {wanted.sort!r}; choose {', '.join(known)}")
    column, descending = known[wanted.sort], (wanted.sort in _DESCENDING) != wanted.reverse
    yield nulls_last(column.desc() if descending else column.asc())
    yield runs.c.created.desc()
    yield runs.c.id.desc()
