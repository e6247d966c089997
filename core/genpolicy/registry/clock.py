"""The database's own clock: hosts disagree about the time, one database does not."""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import DateTime, Dialect, Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

HEARTBEAT_SECONDS: Final = 5.0
"""A live run reports at least this often."""

LOST_AFTER_SECONDS: Final = 60.0
"""A running run that has not reported for so long is lost."""

_NOW: Final = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')",
    "postgresql": "timezone('utc', clock_timestamp())",
}
_SINCE: Final = {
    "sqlite": "((julianday('now') - julianday({0})) * 86400.0)",
    "postgresql": "extract(epoch from (timezone('utc', clock_timestamp()) - {0}))",
}


class UtcTime(TypeDecorator[datetime]):
    """A point in time, stored in UTC without a zone and read back with it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Take a time with a zone to UTC."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Attach UTC again."""
        return None if value is None else value.replace(tzinfo=UTC)


class DatabaseNow(FunctionElement[datetime]):
    """The time on the database's clock, in UTC."""

    type = UtcTime()
    inherit_cache = True


class SecondsSince(FunctionElement[float]):
    """Seconds from a stored time until now, on the database's clock."""

    type = Double()
    inherit_cache = True


def seconds_since_sql(dialect: str, column: str) -> str:
    """Return the SQL of :class:`SecondsSince` for a dialect's name and a column's SQL."""
    return _SINCE[dialect].format(column)


@compiles(DatabaseNow)
def _compile_now(element: DatabaseNow, compiler: SQLCompiler, **_: Any) -> str:
    return _NOW[compiler.dialect.name]


@compiles(SecondsSince)
def _compile_since(element: SecondsSince, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return seconds_since_sql(compiler.dialect.name, column)
