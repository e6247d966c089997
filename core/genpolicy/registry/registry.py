"""The run registry: which runs there were, with all that is known of them."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from genpolicy.errors import RegistryError
from genpolicy.records import RunStart
from genpolicy.registry import reading
from genpolicy.registry.claims import claim_again, claim_new
from genpolicy.registry.database import Database, server_database, sqlite_database
from genpolicy.registry.location import check_readable, check_writable, locate
from genpolicy.registry.places import Places
from genpolicy.registry.sqlite import copy, merge_log
from genpolicy.registry.summaries import ReportedState, RunDetail, RunSummary
from genpolicy.registry.versions import create, is_current, migrate, read_stamp
from genpolicy.registry.writer import RunWriter, warn


class Registry:
    """A database of runs; open it with :meth:`open`.

    Args:
        database: A database that has the current schema.
        notice: What opening it has changed, in words, if anything.
        copy: The folder of the copy that it reads instead of an old file, if it does.
    """

    def __init__(
        self,
        database: Database,
        notice: str | None = None,
        copy: "tempfile.TemporaryDirectory[str] | None" = None,
    ) -> None:
        self.notice = notice
        self._database = database
        self._copy = copy

    @classmethod
    def open(cls, location: str | os.PathLike[str], *, read_only: bool = False) -> Self:
        """Open a registry.

        Args:
            location: A path or an SQLAlchemy URL, of SQLite or PostgreSQL.
            read_only: Whether it is only read; then nothing is created and no file changed.
                Otherwise a missing registry is created, and an older one brought up to date
                after its file was copied, which :attr:`notice` then says.

        Raises:
            RegistryError: It cannot be used; the message says why.
        """
        place = locate(location)
        if isinstance(place, Path):
            (check_readable if read_only else check_writable)(place)
            database = sqlite_database(place, read_only=read_only)
        else:
            database = server_database(place, read_only=read_only)
        return cls._as_it_is(database) if read_only else cls._prepared(database)

    @property
    def name(self) -> str:
        """What to call it in messages, such as ``"the registry '/data/registry.db'"``."""
        return self._database.name

    def start(self, run: RunStart, *, on_problem: Callable[[str], None] = warn) -> RunWriter:
        """Record the start of a run.

        Args:
            run: What is known of it.
            on_problem: Told once, in words and from another thread, when something could not be
                recorded; by default it becomes a warning.

        Raises:
            RegistryError: The registry cannot be written, or holds a run of that identifier.
        """
        return RunWriter(claim_new(self._database, run), on_problem=on_problem)

    def claim(self, run_id: str, *, on_problem: Callable[[str], None] = warn) -> RunWriter:
        """Take over a run, so that no other process does, and leave what is recorded of it.

        Restore its checkpoint then, and :meth:`RunWriter.rewind` to it.

        Args:
            run_id: The run, or what only its identifier begins with.
            on_problem: As for :meth:`start`.

        Raises:
            UnknownRunError: There is no such run, or several.
            RegistryError: It is finished, a live process trains it, or the registry cannot be
                written.
        """
        with self._database.reading() as connection:
            found = reading.find_run(connection, run_id, self.name)
        claim, step = claim_again(self._database, found)
        return RunWriter(claim, step, on_problem)

    def runs(
        self,
        *,
        limit: int | None = None,
        state: ReportedState | None = None,
        dataset: str | None = None,
    ) -> list[RunSummary]:
        """Return one line per run, newest first.

        Args:
            limit: How many at most.
            state: Only runs in this state.
            dataset: Only runs on data of this name.

        Raises:
            RegistryError: The registry cannot be read.
        """
        with self._database.reading() as connection:
            return reading.read_summaries(connection, limit, state, dataset)

    def run(self, run_id: str) -> RunDetail:
        """Return all that is recorded of a run.

        Args:
            run_id: Its identifier, or what only it begins with.

        Raises:
            UnknownRunError: There is no such run, or several.
            RegistryError: The registry cannot be read.
        """
        with self._database.reading() as connection:
            found = reading.find_run(connection, run_id, self.name)
            return reading.read_detail(connection, found, self._database.places)

    def compact(self) -> None:
        """Make an SQLite registry one file, with no log beside it, fit to be copied.

        The next writer brings the log back. Other databases are left as they are.

        Raises:
            RegistryError: Another process has it open, or it cannot be written.
        """
        self._database.close()
        if self._database.path is not None:
            merge_log(self._database.path)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()
        if self._copy is not None:
            self._copy.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @classmethod
    def _prepared(cls, database: Database) -> Self:
        with database.reading() as connection:
            stamp = read_stamp(connection, database.name)
        if stamp is None:
            create(database)
            return cls(database)
        if is_current(stamp):
            return cls(database)
        return cls(database, migrate(database))

    @classmethod
    def _as_it_is(cls, database: Database) -> Self:
        with database.reading() as connection:
            stamp = read_stamp(connection, database.name)
        if stamp is None:
            raise RegistryError(f"{database.name} is empty; the first run creates its tables")
        if is_current(stamp):
            return cls(database)
        if database.path is None:
            raise RegistryError(
                f"{database.name} has the older schema {stamp.version}; the next run brings it "
                "up to date"
            )
        return cls._of_a_copy(database.path, database.places)

    @classmethod
    def _of_a_copy(cls, path: Path, places: Places) -> Self:
        """Read an old file without changing it."""
        folder = tempfile.TemporaryDirectory(prefix="genpolicy-registry-")
        target = Path(folder.name) / path.name
        copy(path, target)
        migrate(sqlite_database(target))
        copied = sqlite_database(target, read_only=True)
        return cls(attrs.evolve(copied, places=places), copy=folder)
