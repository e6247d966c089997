"""The registry's tables, in words that SQLite and PostgreSQL both speak.

``docs/registry.md`` explains them. A change here needs a new :data:`SCHEMA_VERSION` and a step in
``migrations.py``.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

from genpolicy.registry.clock import DatabaseNow, UtcTime
from genpolicy.registry.encoding import printable

SCHEMA_VERSION: Final = 2
PROGRAM: Final = "genpolicy"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


class Words(TypeDecorator[str]):
    """Text of any length, with undecodable characters spelt out."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Make the text storable."""
        return None if value is None else printable(value)


def _run_id() -> Column[str]:
    return Column("run_id", Words, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False)


def _recorded() -> Column[object]:
    return Column("recorded", UtcTime, nullable=False, default=DatabaseNow())


schema_version = Table(
    "schema_version",
    metadata,
    Column("program", Words, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("written_by", Words, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Words, primary_key=True),
    Column("state", Words, nullable=False),
    Column("message", Words, nullable=False, default=""),
    Column("seed", BigInteger, nullable=False),
    Column("recipe", JSON, nullable=False),
    Column("recipe_hash", Words, nullable=False),
    Column("origins", JSON, nullable=False),
    Column("dataset_name", Words, nullable=False),
    Column("dataset_fingerprint", Words, nullable=False),
    Column("dataset_transitions", BigInteger, nullable=False),
    Column("dataset_episodes", BigInteger, nullable=False),
    Column("directory", Words, nullable=False),
    Column("device", Words, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("host", JSON, nullable=False),
    Column("git_commit", Words),
    Column("git_dirty", Boolean),
    Column("command", Words, nullable=False),
    Column("parent", Words),
    Column("resumed_from", BigInteger),
    Column("created", UtcTime, nullable=False, default=DatabaseNow()),
    Column("started", UtcTime),
    Column("finished", UtcTime),
    Column("heartbeat", UtcTime),
    Column("seconds", Double, nullable=False, default=0.0),
    Column("step", BigInteger, nullable=False, default=0),
    Column("owner", Words),
    Column("owner_host", Words),
    Column("owner_pid", BigInteger),
    Index("ix_runs_created", "created"),
    Index("ix_runs_dataset_name", "dataset_name"),
)

parts = Table(
    "parts",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("slot", Words, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("kind", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("distribution", Words, nullable=False),
    Column("version", Words, nullable=False),
    Column("source_hash", Words, nullable=False),
    Column("options", JSON, nullable=False),
    Index("ix_parts_name", "name"),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", Integer, primary_key=True),
    _run_id(),
    Column("stage", Words, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("protocol", Words, nullable=False),
    Column("selection", Words),
    Column("environment", JSON, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("random_return", Double),
    Column("expert_return", Double),
    Column("seconds", Double, nullable=False),
    _recorded(),
    Column("episode_count", Integer, nullable=False, server_default="0"),
    Column("return_mean", Double),
    Column("return_deviation", Double),
    Column("success_count", Integer),
    Column("steps_to_success_mean", Double),
    Index("ix_evaluations_run_id", "run_id", "step"),
)

episodes = Table(
    "episodes",
    metadata,
    Column("evaluation_id", ForeignKey("evaluations.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("return_value", Double),
    Column("return_special", Words),
    Column("length", BigInteger, nullable=False),
    Column("success", Boolean),
    Column("steps_to_success", BigInteger),
    Column("seed", BigInteger, nullable=False),
    CheckConstraint("(return_value IS NULL) <> (return_special IS NULL)", name="return"),
)

metrics = Table(
    "metrics",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("stage", Words, primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Words, primary_key=True),
    Column("value", Double),
    Column("special", Words),
    CheckConstraint("(value IS NULL) <> (special IS NULL)", name="value"),
    sqlite_with_rowid=False,
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", Integer, primary_key=True),
    _run_id(),
    Column("kind", Words, nullable=False),
    Column("path", Words, nullable=False),
    Column("sha256", Words, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    _recorded(),
    Index("ix_artifacts_run_id", "run_id", "step"),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    _run_id(),
    Column("kind", Words, nullable=False),
    Column("message", Words, nullable=False),
    Column("step", BigInteger, nullable=False),
    _recorded(),
    Index("ix_events_run_id", "run_id"),
)

tags = Table(
    "tags",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", Words, primary_key=True),
    Index("ix_tags_tag", "tag"),
)

notes = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    _run_id(),
    Column("note", Words, nullable=False),
    _recorded(),
    Index("ix_notes_run_id", "run_id"),
)
