"""A way into a registry's tables beside the program, as a person with an SQL client has."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from sqlalchemy import Engine, create_engine, inspect, make_url, text

Row = dict[str, Any]


@attrs.frozen
class Backdoor:
    """Statements on a database, each in a transaction of its own.

    Args:
        location: The SQLAlchemy URL of the database.
    """

    location: str

    @property
    def kind(self) -> str:
        """What kind of database it is, ``"sqlite"`` or ``"postgresql"``."""
        return make_url(self.location).get_backend_name()

    def execute(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Execute a statement and return its rows."""
        return [tuple(row.values()) for row in self.rows(statement, **values)]

    def rows(self, statement: str, **values: object) -> list[Row]:
        """Execute a statement and return its rows by the names of their columns."""
        with self._engine() as engine, engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return [dict(row._mapping) for row in result] if result.returns_rows else []

    def view(self, name: str) -> list[Row]:
        """Return all that a table or view shows."""
        return self.rows(f"SELECT * FROM {name}")

    def set_runs(self, **columns: object) -> None:
        """Change columns of every run."""
        changes = ", ".join(f"{name} = :{name}" for name in columns)
        self.execute(f"UPDATE runs SET {changes}", **columns)

    def silence(self, seconds: float) -> None:
        """Make every run one that was last heard of so long ago."""
        then = datetime.now(UTC) - timedelta(seconds=seconds)
        self.set_runs(heartbeat=then.strftime("%Y-%m-%d %H:%M:%S.%f"))

    def faults(self) -> list[tuple[Any, ...]]:
        """Return what is wrong with an SQLite file; a server minds that itself."""
        if self.kind != "sqlite":
            return []
        whole = self.execute("PRAGMA integrity_check")
        return [row for row in whole if row != ("ok",)] + self.execute("PRAGMA foreign_key_check")

    def structure(self) -> dict[str, Any]:
        """Return all that can be asked of the database's tables and views."""
        with self._engine() as engine:
            looked = inspect(engine)
            tables = {name: _table(looked, name) for name in looked.get_table_names()}
            views = {name: looked.get_view_definition(name) for name in looked.get_view_names()}
        return {"tables": tables, "views": views}

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        engine = create_engine(make_url(self.location))
        try:
            yield engine
        finally:
            engine.dispose()


def _table(looked: Any, name: str) -> Row:
    columns = [{**column, "type": str(column["type"])} for column in looked.get_columns(name)]
    return {
        "columns": columns,
        "primary key": looked.get_pk_constraint(name),
        "foreign keys": looked.get_foreign_keys(name),
        "indexes": sorted(looked.get_indexes(name), key=lambda index: str(index["name"])),
        "checks": looked.get_check_constraints(name),
        "unique": looked.get_unique_constraints(name),
    }
