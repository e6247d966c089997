"""The documented views: what read-only SQL may rely on (``docs/registry.md``)."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection

from genpolicy.records import KINDS
from genpolicy.registry.clock import LOST_AFTER_SECONDS, seconds_since_sql

VIEWS: Final = (
    "v_runs",
    "v_scores",
    "v_episodes",
    "v_metrics",
    "v_parts",
    "v_artifacts",
    "v_events",
    "v_tags",
    "v_notes",
)

_PARTS: Final = """
SELECT run_id, slot, kind, name, distribution, version, source_hash, options FROM parts
"""

_METRICS: Final = "SELECT run_id, stage, step, name, value, special FROM metrics"

_SCORES: Final = """
SELECT
    evaluations.run_id, evaluations.id AS evaluation_id, runs.dataset_name AS dataset,
    evaluations.stage, evaluations.step, evaluations.protocol, evaluations.selection,
    evaluations.seed, evaluations.recorded, evaluations.seconds,
    evaluations.episode_count AS episodes, evaluations.return_mean, evaluations.return_deviation,
    evaluations.random_return, evaluations.expert_return,
    100.0 * (evaluations.return_mean - evaluations.random_return)
        / NULLIF(evaluations.expert_return - evaluations.random_return, 0) AS score_mean,
    evaluations.success_count * CAST(1.0 AS DOUBLE PRECISION)
        / NULLIF(evaluations.episode_count, 0) AS success_rate,
    evaluations.steps_to_success_mean
FROM evaluations JOIN runs ON runs.id = evaluations.run_id
"""

_EPISODES: Final = """
SELECT
    evaluations.run_id, episodes.evaluation_id, episodes.position, episodes.seed,
    episodes.return_value, episodes.return_special, episodes.length, episodes.success,
    episodes.steps_to_success
FROM episodes JOIN evaluations ON evaluations.id = episodes.evaluation_id
"""

_ARTIFACTS: Final = "SELECT run_id, kind, path, sha256, bytes, step, recorded FROM artifacts"
_EVENTS: Final = "SELECT run_id, kind, message, step, recorded FROM events"
_TAGS: Final = "SELECT run_id, tag FROM tags"
_NOTES: Final = "SELECT run_id, note, recorded FROM notes"

_RUNS: Final = """
SELECT
    runs.id,
    CASE WHEN runs.state = 'running' AND {age} > {lost_after} THEN 'lost' ELSE runs.state END
        AS state,
    runs.created, runs.started, runs.finished, runs.seconds, runs.step, runs.seed,
    runs.dataset_name AS dataset, runs.dataset_fingerprint, runs.recipe_hash, runs.device,
    {part_names},
    {reference} AS reference,
    final.protocol, final.selection, final.episodes, final.return_mean, final.score_mean,
    final.success_rate,
    runs.message, runs.directory, runs.command, runs.git_commit, runs.git_dirty, runs.parent,
    runs.resumed_from
FROM runs
LEFT JOIN v_scores AS final ON final.evaluation_id = (
    SELECT id FROM evaluations
    WHERE evaluations.run_id = runs.id AND evaluations.selection IS NOT NULL
    ORDER BY CASE WHEN evaluations.selection = 'last' THEN 0 ELSE 1 END,
        evaluations.step DESC, evaluations.id DESC
    LIMIT 1
)
"""

_PART_NAMES: Final = """(
        SELECT {joined} FROM (
            SELECT name FROM parts
            WHERE parts.run_id = runs.id AND parts.kind = '{kind}' ORDER BY parts.position
        ) AS ordered
    ) AS {kind}"""

_JOINED: Final = {
    "sqlite": "group_concat(name, ', ')",
    "postgresql": "string_agg(name, ', ')",
}

_REFERENCE: Final = {
    "sqlite": "json_extract(runs.recipe, '$.reference')",
    "postgresql": "runs.recipe ->> 'reference'",
}


def create_views(connection: Connection) -> None:
    """Create the documented views."""
    for name, query in _views(connection.dialect.name):
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {query}")


def drop_views(connection: Connection) -> None:
    """Drop them, so that the tables beneath may change."""
    for name, _ in reversed(list(_views(connection.dialect.name))):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")


def _views(dialect: str) -> Iterator[tuple[str, str]]:
    yield "v_parts", _PARTS
    yield "v_metrics", _METRICS
    yield "v_scores", _SCORES
    yield "v_episodes", _EPISODES
    yield "v_artifacts", _ARTIFACTS
    yield "v_events", _EVENTS
    yield "v_tags", _TAGS
    yield "v_notes", _NOTES
    yield "v_runs", _runs(dialect)


def _runs(dialect: str) -> str:
    names = [_PART_NAMES.format(joined=_JOINED[dialect], kind=kind) for kind in KINDS]
    return _RUNS.format(
        age=seconds_since_sql(dialect, "runs.heartbeat"),
        lost_after=LOST_AFTER_SECONDS,
        part_names=",\n    ".join(names),
        reference=_REFERENCE[dialect],
    )
