"""Somebody's own SQL, answered without a change to anything.

It may select from the documented views (``views.py``) and call functions, in one statement, for a
limited time and number of rows.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import attrs

from genpolicy.registry import postgresql_sql, sqlite_sql
from genpolicy.registry.database import Database
from genpolicy.registry.encoding import encode_json

_TIME: Final = "%Y-%m-%d %H:%M:%S.%f"


@attrs.frozen(kw_only=True)
class SqlResult:
    """What a query came to.

    Args:
        columns: The names of its columns, as the query gives them; names may repeat.
        rows: Its rows of texts, numbers, truth values and ``None``: times are texts in UTC, JSON is
            text, bytes are hexadecimal.
        truncated: Whether there were more rows than asked for.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool


def answer(database: Database, query: str, *, limit: int, seconds: float) -> SqlResult:
    """Return what a query comes to.

    Args:
        database: A database that has the current schema.
        query: One ``SELECT``.
        limit: How many rows at most.
        seconds: How long it may take.

    Raises:
        UsageError: It is no query, reads what is not documented, would change something, takes
            too long, or is refused by the database; the message has the driver's words.
        RegistryError: The registry cannot be read.
    """
    of_kind = sqlite_sql if database.reads.dialect.name == "sqlite" else postgresql_sql
    columns, rows = of_kind.answer(database, query, limit=limit + 1, seconds=seconds)
    return SqlResult(
        columns=tuple(columns),
        rows=tuple(tuple(map(_plain, row)) for row in rows[:limit]),
        truncated=len(rows) > limit,
    )


def _plain(value: Any) -> Any:
    """Return a value as both kinds of databases would give it."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.strftime(_TIME)
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    return encode_json(value) if isinstance(value, (dict, list)) else str(value)
