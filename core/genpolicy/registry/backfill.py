"""Filling columns that a migration adds, from tables as they were at that version."""

from collections.abc import Iterator
from itertools import groupby

from sqlalchemy import Connection, Row, bindparam, column, select, table, update

from genpolicy.records import EpisodeRecord
from genpolicy.registry.encoding import join_float
from genpolicy.registry.episode_sums import sums_of

_EPISODES = table(
    "episodes",
    *map(column, ("evaluation_id", "position", "return_value", "return_special", "length")),
    *map(column, ("success", "steps_to_success", "seed")),
)
_SUMS = ("episode_count", "return_mean", "return_deviation", "success_count")
_EVALUATIONS = table("evaluations", column("id"), *map(column, (*_SUMS, "steps_to_success_mean")))
_ROWS_AT_ONCE = 1000


def fill_episode_sums(connection: Connection) -> None:
    """Store what the episodes of every evaluation come to."""
    change = update(_EVALUATIONS).where(_EVALUATIONS.c.id == bindparam("of"))
    rows = [
        {"of": evaluation, **sums_of(episodes).columns()}
        for evaluation, episodes in _episodes(connection)
    ]
    if rows:
        connection.execute(change, rows)


def _episodes(connection: Connection) -> Iterator[tuple[int, list[EpisodeRecord]]]:
    query = select(_EPISODES).order_by(_EPISODES.c.evaluation_id, _EPISODES.c.position)
    found = connection.execute(query).yield_per(_ROWS_AT_ONCE)
    for evaluation, rows in groupby(found, key=lambda row: row.evaluation_id):
        yield evaluation, [_episode(row) for row in rows]


def _episode(row: Row[tuple[object, ...]]) -> EpisodeRecord:
    return EpisodeRecord(
        return_=join_float(row.return_value, row.return_special),
        length=row.length,
        success=None if row.success is None else bool(row.success),
        steps_to_success=row.steps_to_success,
        seed=row.seed,
    )
