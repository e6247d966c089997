"""Telling a registry from other databases, creating it, and bringing an old one up to date."""

from contextlib import closing
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Final

import attrs
from sqlalchemy import Connection, func, insert, inspect, select, update

from genpolicy.errors import RegistryError
from genpolicy.registry import schema
from genpolicy.registry.database import Database, sqlite_database
from genpolicy.registry.migrations import migrate_tables
from genpolicy.registry.sqlite import copy
from genpolicy.registry.views import create_views, drop_views

_BUILDERS: Final = 0x67656E70  # "genp": the advisory lock of those who create or migrate


@attrs.frozen
class Stamp:
    """What a registry says of itself.

    Args:
        version: The version of its schema.
        written_by: The version of the program that created or migrated it.
    """

    version: int
    written_by: str


def read_stamp(connection: Connection, name: str) -> Stamp | None:
    """Return a registry's stamp, or ``None`` for an empty database.

    Raises:
        RegistryError: It is another program's database, or from a newer version of this one.
    """
    inspector = inspect(connection)
    tables = inspector.get_table_names()
    if not tables:
        return None
    table = schema.schema_version
    ours = table.name in tables and {column.name for column in table.columns} <= {
        column["name"] for column in inspector.get_columns(table.name)
    }
    row = None
    if ours:
        row = connection.execute(select(table).where(table.c.program == schema.PROGRAM)).first()
    if row is None:
        raise RegistryError(f"{name} is another program's database; name another with --registry")
    stamp = Stamp(row.version, row.written_by)
    _refuse_newer(stamp, name)
    return stamp


def is_current(stamp: Stamp) -> bool:
    """Whether a registry has the schema that this program reads and writes."""
    return stamp.version == schema.SCHEMA_VERSION


def create(database: Database) -> None:
    """Create the tables and views in an empty database, unless somebody just did."""
    with database.writing() as connection:
        _be_alone(connection)
        if read_stamp(connection, database.name) is None:
            schema.metadata.create_all(connection)
            create_views(connection)
            connection.execute(insert(schema.schema_version).values(_stamp()))


def migrate(database: Database) -> str | None:
    """Bring an older registry up to date, after copying its file.

    Returns:
        What was done, in words, or ``None`` if somebody just did it.

    Raises:
        RegistryError: It cannot be written; it is left as it was.
    """
    rebuilt = sqlite_database(database.path, foreign_keys=False) if database.path else database
    with closing(rebuilt), rebuilt.writing() as connection:
        _be_alone(connection)
        stamp = read_stamp(connection, database.name)
        assert stamp is not None
        if is_current(stamp):
            return None
        backup = _back_up(database.path, stamp.version) if database.path else None
        _migrate(connection, stamp.version)
    kept = f"; the file as it was is kept at {str(backup)!r}" if backup else ""
    return (
        f"{database.name} was brought from schema {stamp.version} to {schema.SCHEMA_VERSION}{kept}"
    )


def _be_alone(connection: Connection) -> None:
    """Wait for others that create or migrate; SQLite lets in one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_BUILDERS)))


def _migrate(connection: Connection, old: int) -> None:
    drop_views(connection)
    migrate_tables(connection, old, schema.SCHEMA_VERSION)
    create_views(connection)
    table = schema.schema_version
    connection.execute(update(table).where(table.c.program == schema.PROGRAM).values(_stamp()))
    if connection.dialect.name == "sqlite":
        dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        assert not dangling, f"a migration left dangling references: {dangling[:3]}"


def _back_up(path: Path, version: int) -> Path:
    candidates = (path.with_name(f"{path.name}.schema-{version}.{n}.bak") for n in range(1, 10**6))
    backup = next(candidate for candidate in candidates if not candidate.exists())
    copy(path, backup)
    return backup


def _stamp() -> dict[str, str | int]:
    return {
        "program": schema.PROGRAM,
        "version": schema.SCHEMA_VERSION,
        "written_by": installed_version(schema.PROGRAM),
    }


def _refuse_newer(stamp: Stamp, name: str) -> None:
    if stamp.version > schema.SCHEMA_VERSION:
        raise RegistryError(
            f"{name} was written by genpolicy {stamp.written_by} (schema {stamp.version}), newer "
            f"than this one, {installed_version(schema.PROGRAM)} (schema "
            f"{schema.SCHEMA_VERSION}); upgrade genpolicy"
        )
