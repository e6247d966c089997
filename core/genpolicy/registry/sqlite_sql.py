"""Somebody's own SQL on an SQLite file.

It is compiled twice: first beside an empty stand-in that has the views and nothing else, so that
what they stand on cannot be named; then on the file, opened for reading, where an authoriser lets
nothing but a selection pass and a progress handler ends what takes too long.
"""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from genpolicy.errors import UsageError
from genpolicy.registry.database import Database
from genpolicy.registry.failures import explain, primary_code
from genpolicy.registry.refusals import refusal, too_slow
from genpolicy.registry.views import VIEWS

_LONGEST_VALUE: Final = 2**20
_INSTRUCTIONS: Final = 10_000
_ALLOWED: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_FORBIDDEN_FUNCTIONS: Final = frozenset({"load_extension", "fts3_tokenizer"})
_INTERNAL: Final = ("sqlite_", "pragma_", "dbstat")
_DATABASE_FAILED: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_FULL,
    }
)
_COMPLAINTS: Final = (sqlite3.Error, sqlite3.Warning, ValueError)


def answer(
    database: Database, query: str, *, limit: int, seconds: float
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the names of the columns and the rows.

    Args:
        database: A database in a file.
        query: One ``SELECT``.
        limit: How many rows at most.
        seconds: How long it may take.

    Raises:
        UsageError: It is refused.
        RegistryError: The file cannot be read.
    """
    try:
        with closing(database.reads.raw_connection()) as pooled:
            connection = pooled.driver_connection
            assert isinstance(connection, sqlite3.Connection)
            _check(query, {view: _columns(connection, view) for view in VIEWS})
            _guard(connection, time.monotonic() + seconds)
            found = connection.execute(query)
            return [column[0] for column in found.description], found.fetchmany(limit)
    except SQLAlchemyError as error:
        raise explain(error, database.name) from error
    except _COMPLAINTS as error:
        if primary_code(error) == sqlite3.SQLITE_INTERRUPT:
            raise too_slow(seconds) from error
        if isinstance(error, sqlite3.Error) and primary_code(error) in _DATABASE_FAILED:
            raise explain(error, database.name) from error
        raise _refused(error) from error


def _columns(connection: sqlite3.Connection, view: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({view})")]


def _check(query: str, views: Mapping[str, Sequence[str]]) -> None:
    """Refuse what is no selection from the views alone."""
    with closing(sqlite3.connect(":memory:")) as stand_in:
        for view, columns in views.items():
            nothing = ", ".join(f"NULL AS {column}" for column in columns)
            stand_in.execute(f"CREATE VIEW {view} AS SELECT {nothing}")
        gate = _Gate()
        _prepare(stand_in, gate)
        try:
            stand_in.execute(f"EXPLAIN {query}")
        except sqlite3.DatabaseError as error:
            if gate.hidden is not None:
                raise refusal(f"{gate.hidden} is no documented view") from error
            raise
    if not gate.selects:  # VACUUM and REINDEX ask nobody
        raise refusal("it is no SELECT")


def _guard(connection: sqlite3.Connection, deadline: float) -> None:
    _prepare(connection, _Gate(internal=True))
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")


def _prepare(connection: sqlite3.Connection, gate: "_Gate") -> None:
    for function in ("json_each", "json_tree"):  # their first use declares a table
        with suppress(sqlite3.OperationalError):  # or there is none
            connection.execute(f"SELECT * FROM {function}('[]')").fetchall()
    connection.set_authorizer(gate)


class _Gate:
    """An authoriser that lets selections pass."""

    def __init__(self, *, internal: bool = False) -> None:
        self.selects = False
        self.hidden: str | None = None
        self._internal = internal

    def __call__(self, action: int, first: str | None, second: str | None, *_: Any) -> int:
        if action == sqlite3.SQLITE_SELECT:
            self.selects = True
        if action not in _ALLOWED or not self.selects:
            return sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _FORBIDDEN_FUNCTIONS:
            return sqlite3.SQLITE_DENY
        hidden = action == sqlite3.SQLITE_READ and str(first).lower().startswith(_INTERNAL)
        if hidden and not self._internal:
            self.hidden = first
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK


def _refused(error: Exception) -> UsageError:
    words = str(error).rstrip(".")
    if primary_code(error) == sqlite3.SQLITE_AUTH and words == "not authorized":
        words = "it is no SELECT"
    return refusal(words.replace("no such table", "no such view"))
