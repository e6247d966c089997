"""What a database driver complains of, said so that a person knows what to do."""

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from genpolicy.errors import RegistryError

BUSY_SECONDS: Final = 30.0
"""How long SQLite waits for another process to finish writing."""

_UNREACHABLE: Final = "08000"
_BUSY: Final = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    "55P03",  # lock_not_available
    "40P01",  # deadlock_detected
    "40001",  # serialization_failure
)
_SENTENCES: Final[dict[int | str, str]] = {
    sqlite3.SQLITE_FULL: "the disk that holds {name} is full; free some space",
    sqlite3.SQLITE_READONLY: "{name} is read-only; make it and its folder writable",
    sqlite3.SQLITE_PERM: "{name} may not be used by this user; check its permissions",
    sqlite3.SQLITE_IOERR: "the disk failed while using {name} ({reason}); check its free space",
    sqlite3.SQLITE_CORRUPT: "{name} is damaged ({reason}); restore it from a backup",
    sqlite3.SQLITE_NOTADB: "{name} is not a database; name another file",
    sqlite3.SQLITE_CANTOPEN: "{name} cannot be opened ({reason}); check its permissions",
    "42501": "{name} may not be used by this user ({reason}); grant it the right, or name another",
    "53100": "the disk that holds {name} is full; free some space",
    "25006": "{name} is read-only ({reason}); name its primary server",
    _UNREACHABLE: "{name} cannot be reached ({reason}); is its server up, and the URL right?",
}


class RegistryLockedError(RegistryError):
    """Another process held the registry for too long; trying again may work."""


class TakenOverError(RegistryError):
    """Another process resumed the run that this one trains."""


def explain(error: SQLAlchemyError | sqlite3.Error | OverflowError, name: str) -> RegistryError:
    """Return the error to raise for a driver's complaint.

    Args:
        error: What the driver or SQLAlchemy raised.
        name: What to call the registry, such as ``"the registry 'registry.db'"``.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    reason = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
    code = primary_code(cause) or _server_code(error)
    if code in _BUSY:
        return RegistryLockedError(
            f"{name} is locked: another process has been using it for over {BUSY_SECONDS:.0f} "
            "seconds; end that process or try again later"
        )
    sentence = _SENTENCES.get(code or "", "{name} cannot be used: {reason}")
    return RegistryError(sentence.format(name=name, reason=reason))


def primary_code(error: BaseException | None) -> int | None:
    """Return SQLite's primary result code of an error, if it came from SQLite."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _server_code(error: BaseException) -> str | None:
    """Return the SQLSTATE of an error, if it came from a server or the way to it."""
    if not isinstance(error, DBAPIError):
        return None
    code: str | None = getattr(error.orig, "sqlstate", None)
    lost = error.connection_invalidated or (code is None and isinstance(error, OperationalError))
    return _UNREACHABLE if lost else code
