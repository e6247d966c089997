"""Connections to an SQLite file, opened so that many processes can write at once."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from genpolicy.errors import RegistryError
from genpolicy.registry.failures import BUSY_SECONDS, explain, primary_code


def connect_for_writing(path: Path, *, foreign_keys: bool = True) -> sqlite3.Connection:
    """Return a connection that writes to an existing file through a write-ahead log.

    Args:
        path: The file.
        foreign_keys: Whether references are kept; off while tables are rebuilt, since dropping a
            table would delete the rows that refer to it.
    """
    connection = connect(path, "mode=rw")
    connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
    connection.execute("PRAGMA synchronous=NORMAL")
    with suppress(sqlite3.OperationalError):  # somebody reads it: the next connection switches
        connection.execute("PRAGMA journal_mode=WAL")
    return connection


def connect_for_reading(path: Path) -> sqlite3.Connection:
    """Return a connection that only reads.

    Raises:
        RegistryError: The file has a write-ahead log that cannot be read where it lies.
    """
    connection = connect(path, "mode=ro")
    try:
        connection.execute("PRAGMA schema_version")
    except sqlite3.OperationalError as error:
        connection.close()
        if primary_code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        return _connect_to_unchanging(path)
    return connection


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Return a bare connection in autocommit mode."""
    return sqlite3.connect(
        f"{path.as_uri()}?{mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def copy(path: Path, target: Path) -> None:
    """Copy a database, with what its write-ahead log holds, while others may write to it.

    Raises:
        RegistryError: It cannot be read, or the copy not written.
    """
    try:
        with (
            closing(connect_for_reading(path)) as source,
            closing(connect(target, "mode=rwc")) as copied,
        ):
            source.backup(copied)
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise explain(error, f"the copy {str(target)!r} of the registry") from error


def merge_log(path: Path) -> None:
    """Make a database one file, without a write-ahead log beside it.

    Raises:
        RegistryError: Somebody else has it open, or it cannot be written.
    """
    try:
        with closing(connect(path, "mode=rw")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            mode = connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    except sqlite3.Error as error:
        if primary_code(error) != sqlite3.SQLITE_BUSY:
            raise explain(error, f"the registry {str(path)!r}") from error
        mode = "locked"
    if mode != "delete":
        raise RegistryError(
            f"the registry {str(path)!r} cannot be made one file while another process has it "
            "open; end that process first"
        )


def _connect_to_unchanging(path: Path) -> sqlite3.Connection:
    """Read a file whose folder is read-only: SQLite then cannot set up a log beside it."""
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise RegistryError(
            f"the registry {str(path)!r} has changes in {log.name!r} that cannot be read in a "
            "read-only folder; copy both files to a writable one"
        )
    return connect(path, "mode=ro&immutable=1")
