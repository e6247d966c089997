"""A database that holds a registry: one engine writes, another only reads."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
from sqlalchemy import URL, Connection, Engine, NullPool, Pool, QueuePool, create_engine, event
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from genpolicy.errors import RegistryError
from genpolicy.registry.encoding import decode_json, encode_json
from genpolicy.registry.failures import BUSY_SECONDS, explain
from genpolicy.registry.places import Places
from genpolicy.registry.sqlite import connect_for_reading, connect_for_writing

_DRIVER: Final = "psycopg"
_SECRETS: Final = ("password", "sslpassword")
_PATIENCE: Final = {  # without these, a server that vanished is waited for during minutes
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "10",
    "tcp_user_timeout": f"{BUSY_SECONDS * 1000:.0f}",
}


@attrs.frozen(eq=False)
class Database:
    """Where transactions come from.

    Args:
        name: What to call it in messages.
        reads: The engine that reads.
        writes: The engine that writes, unless it was opened for reading only.
        path: Its file, if it has one.
        file_id: Device and inode of that file when it was opened.
        places: How it stores paths of files.
    """

    name: str
    reads: Engine
    writes: Engine | None
    path: Path | None = None
    file_id: tuple[int, int] | None = None
    places: Places = attrs.field(factory=Places)

    @property
    def place(self) -> str:
        """What tells it from others: the absolute path of its file, or its name."""
        return self.name if self.path is None else os.path.abspath(self.path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Enter a transaction that sees one state of the database.

        Raises:
            RegistryError: It cannot be read.
        """
        try:
            with self.reads.begin() as connection:
                yield connection
        except (SQLAlchemyError, OverflowError) as error:
            raise explain(error, self.name) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Enter a transaction that writes, alone from its first statement on.

        Raises:
            RegistryError: It was opened for reading, is gone, or cannot be written.
        """
        if self.writes is None:
            raise RegistryError(f"{self.name} was opened for reading only")
        self._check_still_there()
        try:
            with self.writes.begin() as connection:
                yield connection
        except (SQLAlchemyError, OverflowError) as error:
            raise explain(error, self.name) from error

    def close(self) -> None:
        """Close every idle connection."""
        self.reads.dispose()
        if self.writes is not None:
            self.writes.dispose()

    def _check_still_there(self) -> None:
        """An open connection would go on writing into a file that was deleted."""
        if self.path is not None and file_id(self.path) != self.file_id:
            self.close()
            raise RegistryError(f"{self.name} was removed or replaced while in use")


def sqlite_database(path: Path, *, read_only: bool = False, foreign_keys: bool = True) -> Database:
    """Return the database in an existing SQLite file.

    Args:
        path: The file.
        read_only: Whether it is only read.
        foreign_keys: Whether references are kept; off while tables are rebuilt.
    """
    reads = _sqlite_engine(lambda: connect_for_reading(path), NullPool, "BEGIN")
    # In WAL a plain BEGIN that has read cannot become a writer once somebody else has committed.
    writes = _sqlite_engine(
        lambda: connect_for_writing(path, foreign_keys=foreign_keys), QueuePool, "BEGIN IMMEDIATE"
    )
    return Database(
        name=f"the registry {str(path)!r}",
        reads=reads,
        writes=None if read_only else writes,
        path=path,
        file_id=file_id(path),
        places=Places.beside(path),
    )


def server_database(url: URL, *, read_only: bool = False) -> Database:
    """Return the database behind a server's URL.

    Raises:
        RegistryError: The driver that the URL needs is not installed.
    """
    shown = url.difference_update_query(_SECRETS).render_as_string(hide_password=True)
    name = f"the registry {shown!r}"
    try:
        engine = create_engine(
            _patient(url),
            pool_pre_ping=True,
            json_serializer=encode_json,
            json_deserializer=decode_json,
        )
    except (ImportError, NoSuchModuleError) as error:
        raise RegistryError(
            f"{name} needs a driver that is not installed ({error}): "
            "pip install 'genpolicy[postgres]', and a URL that begins with postgresql+psycopg://"
        ) from error
    event.listen(engine, "connect", _wait_no_longer_than_sqlite)
    reads = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Database(name=name, reads=reads, writes=None if read_only else engine)


def _patient(url: URL) -> URL:
    """Return a URL with our driver, unless it names one, and limits that it does not set itself."""
    if "+" not in url.drivername:
        url = url.set(drivername=f"{url.drivername}+{_DRIVER}")
    if url.get_driver_name() != _DRIVER:
        return url
    return url.update_query_dict({**_PATIENCE, **url.query})


def _wait_no_longer_than_sqlite(connection: Any, record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {BUSY_SECONDS * 1000:.0f}")
    connection.commit()


def file_id(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file, or ``None`` if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sqlite_engine(
    creator: Callable[[], sqlite3.Connection], pool: type[Pool], begin: str
) -> Engine:
    engine = create_engine(
        "sqlite://",
        creator=creator,
        poolclass=pool,
        json_serializer=encode_json,
        json_deserializer=decode_json,
    )
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine
