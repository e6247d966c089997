"""Where a registry lives, and what can be told of a file before it is opened as a database."""

import os
import stat
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from genpolicy.errors import RegistryError


def locate(location: str | os.PathLike[str]) -> Path | URL:
    """Return the file or the server that a location means.

    Args:
        location: A path or an SQLAlchemy URL.

    Raises:
        RegistryError: It is neither, or a kind of database that the registry does not speak.
    """
    text = os.fspath(location)
    if "://" not in text:
        return Path(text).expanduser().absolute()
    try:
        url = make_url(text)
    except ArgumentError:
        raise RegistryError(
            f"{text!r} is no database URL; give a path or such as 'sqlite:///registry.db'"
        ) from None
    dialect = url.get_backend_name()
    if dialect == "sqlite":
        return _sqlite_file(url)
    if dialect != "postgresql":
        raise RegistryError(f"a registry lives in SQLite or PostgreSQL, not in {dialect!r}")
    return url


def _sqlite_file(url: URL) -> Path:
    if not url.database or url.database == ":memory:" or url.query:
        raise RegistryError(
            f"the registry URL {str(url)!r} must name a file and nothing else, "
            "such as 'sqlite:///registry.db'"
        )
    return Path(url.database).expanduser().absolute()


def check_readable(path: Path) -> None:
    """Refuse a path that no registry can be read from.

    Raises:
        RegistryError: It is missing, a directory, something else than a file, or unreadable.
    """
    if not _exists(path):
        raise RegistryError(
            f"there is no registry at {str(path)!r}; it is created by the first run, "
            "or name another with --registry"
        )
    _check_file(path)
    if not os.access(path, os.R_OK):
        raise RegistryError(f"the registry {str(path)!r} may not be read; check its permissions")


def check_writable(path: Path) -> None:
    """Refuse a path that no registry can be written to; create an empty file if there is none.

    Raises:
        RegistryError: It is a directory, something else than a file, or read-only, or its folder
            is missing or read-only.
    """
    if not _exists(path):
        _create_file(path)
    _check_file(path)
    if not os.access(path, os.W_OK | os.R_OK):
        raise RegistryError(
            f"the registry {str(path)!r} is read-only; make it writable or name another "
            "with --registry"
        )
    if not os.access(path.parent, os.W_OK):
        raise RegistryError(
            f"the folder of the registry {str(path)!r} is read-only, and the database needs to "
            "write beside it; make the folder writable or name another with --registry"
        )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise RegistryError(
            f"the registry {str(path)!r} cannot be reached: {error.strerror}; check the "
            "permissions of its folder, or name another with --registry"
        ) from error


def _create_file(path: Path) -> None:
    if not path.parent.is_dir():
        raise RegistryError(
            f"the registry {str(path)!r} cannot be created: its folder does not exist"
        )
    try:
        path.touch()
    except OSError as error:
        raise RegistryError(
            f"the registry {str(path)!r} cannot be created: {error.strerror or error}; "
            "name another with --registry"
        ) from error


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise RegistryError(
            f"the registry {str(path)!r} is a directory; name a file, such as "
            f"{str(path / 'registry.db')!r}"
        )
    if not stat.S_ISREG(path.stat().st_mode):
        raise RegistryError(f"the registry {str(path)!r} is not a file; name another")
