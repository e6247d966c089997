"""A file beside a run for what its registry did not take.

One JSON object per line: the run's identifier, the kind of the record, when it was told, and its
values. Every process that adds to it begins with a line of what is known of the run and of itself,
so that the run can be entered into a registry that has never heard of it. Paths are relative to the
file's folder where they lie under it. A line with ``"void": true`` was told by a process after it
had lost the run.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs

from genpolicy.records import ArtifactRecord, RunStart
from genpolicy.registry.encoding import plain
from genpolicy.registry.places import Places
from genpolicy.registry.processes import Owner
from genpolicy.registry.rows import Told

FILE_NAME: Final = "unrecorded.jsonl"
START: Final = "start"
RESUMED: Final = "resumed"
STATE: Final = "state"
RELEASED: Final = "released"


@attrs.define
class Spill:
    """Appends to the file, which is created when first needed.

    Args:
        start: What is known of the run.
        owner: The process that adds to it.
        places: How its registry stores paths.
    """

    start: RunStart
    owner: Owner
    places: Places
    _begun: bool = False

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.start.directory) / FILE_NAME

    def add_record(self, told: Told, *, void: bool = False) -> None:
        """Append a record, as it would have been stored.

        Raises:
            OSError: The file cannot be written.
        """
        record = told.record
        if isinstance(record, ArtifactRecord):
            record = attrs.evolve(record, path=self._beside(record.path))
        self.add(type(record).__name__, attrs.asdict(record), told.time, void=void)

    def add(
        self, kind: str, values: dict[str, Any], time: datetime | None = None, *, void: bool = False
    ) -> None:
        """Append values of any kind, told just now or at another time.

        Raises:
            OSError: The file cannot be written; then it is left as it was.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = self._line(kind, {**values, "void": True} if void else values, time)
        self._append(line if self._has_begun() else self._first_lines() + line)
        self._begun = True

    def add_if_there(self, kind: str, values: dict[str, Any], time: datetime | None = None) -> None:
        """Append values if there is such a file.

        Raises:
            OSError: The file cannot be written.
        """
        if self.path.exists():
            self.add(kind, values, time)

    def beat(self) -> None:
        """Show that the process is alive, though its registry cannot be told.

        Raises:
            OSError: The file cannot be written.
        """
        if self._has_begun():
            os.utime(self.path)
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._append(self._first_lines())
            self._begun = True

    def _has_begun(self) -> bool:
        return self._begun and self.path.exists()

    def _first_lines(self) -> str:
        start = {**attrs.asdict(self.start), "directory": "."}
        process = {f"owner_{name}": value for name, value in attrs.asdict(self.owner).items()}
        return self._end_of_torn_line() + self._line(START, {**start, **process})

    def _end_of_torn_line(self) -> str:
        """Return what must stand between a line that was cut off by a kill and the next."""
        try:
            with self.path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                return "" if file.read() == b"\n" else "\n"
        except OSError:  # there is no such file, or it is empty
            return ""

    def _line(self, kind: str, values: dict[str, Any], time: datetime | None = None) -> str:
        at = time or datetime.now(UTC)
        told = {"run": self.start.id, "record": kind, "time": at.isoformat()}
        return json.dumps({**told, **plain(values)}, default=repr) + "\n"

    def _append(self, text: str) -> None:
        with self.path.open("ab", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            content = text.encode()
            try:
                written = file.write(content)
                if written != len(content):  # a disk that fills up takes a part
                    file.write(content[written:])
            except OSError:
                file.truncate(end)
                raise

    def _beside(self, stored: str) -> str:
        return Places(self.path.parent).encode(self.places.decode(stored))
