"""The run registry: which runs there were, with all that is known of them."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection

from genpolicy.records import RunStart
from genpolicy.registry import annotations, late_records, merging, reading, reaping, removal, sql
from genpolicy.registry.claims import claim_again, claim_new
from genpolicy.registry.holds import lock_hold
from genpolicy.registry.opening import Opened, open_database
from genpolicy.registry.query import EVERY_RUN, RunQuery
from genpolicy.registry.run_rows import RunRows, read_rows
from genpolicy.registry.sql import SqlResult
from genpolicy.registry.sqlite import merge_log
from genpolicy.registry.summaries import RunDetail, RunSummary
from genpolicy.registry.unrecorded import Unrecorded
from genpolicy.registry.writer import RunWriter, warn


class Registry:
    """A database of runs; open it with :meth:`open`.

    Args:
        opened: Its database.
    """

    def __init__(self, opened: Opened) -> None:
        self.notice = opened.notice
        self._database = opened.database
        self._copy = opened.copy

    @classmethod
    def open(
        cls,
        location: str | os.PathLike[str],
        *,
        read_only: bool = False,
        create: bool = True,
    ) -> Self:
        """Open a registry.

        Args:
            location: A path or an SQLAlchemy URL, of SQLite or PostgreSQL.
            read_only: Whether it is only read; then nothing is created and no file changed.
                Otherwise a missing registry is created, and an older one brought up to date
                after its file was copied, which :attr:`notice` then says.
            create: Whether one that is missing is created.

        Raises:
            RegistryError: It cannot be used; the message says why.
        """
        return cls(open_database(location, read_only=read_only, create_missing=create))

    @property
    def name(self) -> str:
        """What to call it in messages, such as ``"the registry '/data/registry.db'"``."""
        return self._database.name

    @property
    def place(self) -> str:
        """What tells it from others: the absolute path of its file, or the server."""
        return self._database.place

    @property
    def path(self) -> Path | None:
        """Its file, if it has one."""
        return self._database.path

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

    def runs(self, query: RunQuery = EVERY_RUN, *, settings: bool = False) -> list[RunSummary]:
        """Return one line per run that is meant, newest first unless sorted otherwise.

        Args:
            query: Which runs are meant.
            settings: Whether to tell every value of their recipes too, which takes longer.

        Raises:
            OptionError: Runs cannot be sorted so.
            RegistryError: The registry cannot be read.
        """
        with self._database.reading() as connection:
            return reading.read_summaries(connection, query, settings=settings)

    def count(self, query: RunQuery = EVERY_RUN) -> int:
        """Return how many runs are meant, whatever the query's limit.

        Args:
            query: Which runs are meant.

        Raises:
            RegistryError: The registry cannot be read.
        """
        with self._database.reading() as connection:
            return reading.count_runs(connection, query)

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

    def sql(self, query: str, *, limit: int = 1000, seconds: float = 10.0) -> SqlResult:
        """Return what a query on the documented views comes to; it cannot change anything.

        Args:
            query: One ``SELECT``, in the database's own dialect.
            limit: How many rows at most.
            seconds: How long it may take.

        Raises:
            UsageError: It is refused, or takes too long; the message has the driver's words.
            RegistryError: The registry cannot be read.
        """
        return sql.answer(self._database, query, limit=limit, seconds=seconds)

    def find(self, runs: Sequence[str]) -> tuple[str, ...]:
        """Return the identifiers of runs that are named by how they begin, each once.

        Raises:
            UnknownRunError: There is no such run, or several.
            RegistryError: The registry cannot be read.
        """
        with self._database.reading() as connection:
            found = [reading.find_run(connection, run, self.name) for run in runs]
        return tuple(dict.fromkeys(found))

    def tag(self, run_id: str, words: Sequence[str]) -> None:
        """Attach words to a run; those that it has stay.

        Raises:
            UsageError: A word is empty or has spaces around it.
            UnknownRunError: There is no such run, or several.
            RegistryError: The registry cannot be written.
        """
        with self._changing(run_id) as (connection, found):
            annotations.add_tags(connection, found, words)

    def untag(self, run_id: str, words: Sequence[str]) -> None:
        """Take words off a run; those that it does not have are no matter.

        Raises:
            UnknownRunError: There is no such run, or several.
            RegistryError: The registry cannot be written.
        """
        with self._changing(run_id) as (connection, found):
            annotations.remove_tags(connection, found, words)

    def note(self, run_id: str, text: str) -> None:
        """Attach a text to a run, unless it has that very note.

        Raises:
            UsageError: The text is empty.
            UnknownRunError: There is no such run, or several.
            RegistryError: The registry cannot be written.
        """
        with self._changing(run_id) as (connection, found):
            annotations.add_note(connection, found, text)

    def rows(self, run_id: str) -> RunRows | None:
        """Return all rows of a run, fit for another registry; ``None`` if there is no such run.

        Raises:
            RegistryError: The registry cannot be read.
        """
        with self._database.reading() as connection:
            return read_rows(connection, run_id, self._database.places)

    def merge(
        self, rows: RunRows, place: merging.Place | None = None, *, lacks_files: bool = False
    ) -> merging.TakenIn:
        """Take in a run of another registry; see :func:`genpolicy.registry.merging.merge`.

        Raises:
            RegistryError: Its identifier is none, the registry cannot be written, or the run's
                files not be put there.
        """
        with self._database.writing() as connection:
            return merging.merge(
                connection, rows, self._database.places, place, lacks_files=lacks_files
            )

    def take_in(self, found: Unrecorded) -> merging.TakenIn:
        """Record what a run kept beside it while its registry could not be written.

        Raises:
            RegistryError: A live process trains the run, nothing tells what it was, or the
                registry cannot be written.
        """
        with self._database.writing() as connection:
            return late_records.take_in(connection, found, self._database.places, self.name)

    def remove(self, run_ids: Sequence[str]) -> list[removal.Removed]:
        """Delete every row of some runs, of all or of none; their folders stay.

        Raises:
            RegistryError: A live process trains one of them, or the registry cannot be written.
        """
        with self._database.writing() as connection:
            return removal.remove_runs(connection, run_ids, self._database.places)

    def lost(self) -> list[reaping.Reaped]:
        """Return the runs that nobody trains any more, and that :meth:`reap` would mark.

        Raises:
            RegistryError: The registry cannot be read.
        """
        with self._database.reading() as connection:
            return reaping.find_lost(connection)

    def reap(self) -> list[reaping.Reaped]:
        """Mark the runs that nobody trains any more as interrupted, and return them.

        A process that comes back to one of them finds out and stops.

        Raises:
            RegistryError: The registry cannot be written.
        """
        with self._database.writing() as connection:
            return reaping.reap(connection)

    def compact(self) -> None:
        """Make an SQLite registry one file, with no log beside it, fit to be copied.

        The next writer brings the log back. Other databases are left as they are.

        Raises:
            RegistryError: Another process has it open, or it cannot be written.
        """
        self._database.close()
        if self._database.path is not None and self._database.writes is not None:
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

    @contextmanager
    def _changing(self, run_id: str) -> Iterator[tuple[Connection, str]]:
        """Enter a transaction that changes a run, and keeps others from changing it."""
        with self._database.writing() as connection:
            found = reading.find_run(connection, run_id, self.name)
            lock_hold(connection, found)
            yield connection, found
