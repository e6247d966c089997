"""Somebody's own SQL on a PostgreSQL server, in a transaction that only reads and is undone.

A cursor is declared for it, which takes one selection and nothing else. The time is kept twice: by
the server, which ends what a client that died has left, and by us, since SQL can change the
server's limit, which counts anew for every batch of rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any, Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from genpolicy.errors import UsageError
from genpolicy.registry.database import Database
from genpolicy.registry.failures import explain
from genpolicy.registry.refusals import refusal, too_slow

_CANCELLED: Final = "57014"
_AGAIN: Final = 0.1  # seconds
_OURS: Final = ("0A", "21", "22", "25", "2B", "34", "39", "42", "44", "54", "P0")
"""Classes of SQLSTATE that complain of the SQL, not of the server."""


def answer(
    database: Database, query: str, *, limit: int, seconds: float
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the names of the columns and the rows.

    Args:
        database: A database on a server.
        query: One ``SELECT``.
        limit: How many rows at most.
        seconds: How long it may take.

    Raises:
        UsageError: It is refused.
        RegistryError: The server cannot be asked.
    """
    try:
        with database.reads.connect() as connection:  # never committed: some functions write
            milliseconds = max(1, round(seconds * 1000))
            connection.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
            with _cancelled_after(connection, seconds):
                return _selected(connection, query, limit)
    except UnicodeError as error:
        raise refusal(str(error)) from error
    except DBAPIError as error:
        raise _refused(error, seconds) or explain(error, database.name) from error
    except SQLAlchemyError as error:
        raise explain(error, database.name) from error


@contextmanager
def _cancelled_after(connection: Connection, seconds: float) -> Iterator[None]:
    done = Event()
    driver: Any = connection.connection.driver_connection

    def cancel() -> None:
        wait = seconds
        while not done.wait(wait):  # again, for between two batches nothing hears it
            with suppress(Exception):
                driver.cancel()
            wait = _AGAIN

    watch = Thread(target=cancel, name="sql-deadline", daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()
        watch.join()


def _selected(
    connection: Connection, query: str, limit: int
) -> tuple[list[str], list[tuple[Any, ...]]]:
    streamed = connection.execution_options(stream_results=True, no_parameters=True)
    with streamed.exec_driver_sql(query) as found:
        assert found.cursor is not None
        columns = [column[0] for column in found.cursor.description]
        return columns, [tuple(row) for row in found.fetchmany(limit)]


def _refused(error: DBAPIError, seconds: float) -> UsageError | None:
    """Return what to say of the SQL; ``None`` where the server is at fault."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == _CANCELLED:
        return too_slow(seconds)
    if state.startswith(_OURS):
        return refusal(str(error.orig).splitlines()[0].rstrip("."))
    return None
