"""Opening a registry: created where there is none, brought up to date where it is old."""

import os
import tempfile
from pathlib import Path

import attrs

from genpolicy.errors import RegistryError
from genpolicy.registry.database import Database, server_database, sqlite_database
from genpolicy.registry.location import check_readable, check_writable, locate
from genpolicy.registry.sqlite import copy
from genpolicy.registry.versions import create, is_current, migrate, read_stamp

Folder = tempfile.TemporaryDirectory[str]


@attrs.frozen
class Opened:
    """A database that has the current schema.

    Args:
        database: The database.
        notice: What opening it has changed, in words, if anything.
        copy: The folder of the copy that is read instead of an old file, if one is.
    """

    database: Database
    notice: str | None = None
    copy: Folder | None = None


def open_database(
    location: str | os.PathLike[str], *, read_only: bool, create_missing: bool
) -> Opened:
    """Open the database of a registry; see :meth:`genpolicy.registry.Registry.open`.

    Raises:
        RegistryError: It cannot be used; the message says why.
    """
    place = locate(location)
    if isinstance(place, Path):
        if read_only or not create_missing:
            check_readable(place)
        if not read_only:
            check_writable(place)
        database = sqlite_database(place, read_only=read_only)
    else:
        database = server_database(place, read_only=read_only)
    if read_only:
        return _as_it_is(database)
    return _up_to_date(database, create_missing=create_missing)


def _up_to_date(database: Database, *, create_missing: bool) -> Opened:
    with database.reading() as connection:
        stamp = read_stamp(connection, database.name)
    if stamp is None:
        if not create_missing:
            raise _empty(database)
        create(database)
        return Opened(database)
    if is_current(stamp):
        return Opened(database)
    return Opened(database, notice=migrate(database))


def _as_it_is(database: Database) -> Opened:
    with database.reading() as connection:
        stamp = read_stamp(connection, database.name)
    if stamp is None:
        raise _empty(database)
    if is_current(stamp):
        return Opened(database)
    if database.path is None:
        raise RegistryError(
            f"{database.name} has the older schema {stamp.version}; the next run brings it "
            "up to date"
        )
    return _of_a_copy(database, database.path)


def _empty(database: Database) -> RegistryError:
    return RegistryError(f"{database.name} is empty; the first run creates its tables")


def _of_a_copy(database: Database, path: Path) -> Opened:
    """Read an old file without changing it."""
    folder = Folder(prefix="genpolicy-registry-")
    target = Path(folder.name) / path.name
    copy(path, target)
    migrate(sqlite_database(target))
    copied = sqlite_database(target, read_only=True)
    return Opened(attrs.evolve(database, reads=copied.reads), copy=folder)
