"""A file beside a run for what its registry did not take."""

import json
from pathlib import Path
from typing import Any, Final

import attrs

from genpolicy.registry.encoding import plain
from genpolicy.registry.rows import Record

FILE_NAME: Final = "unrecorded.jsonl"


@attrs.frozen
class Spill:
    """One JSON object per line, each with its run and the kind of its record.

    Args:
        run_id: The run.
        path: The file, which is created when first needed.
    """

    run_id: str
    path: Path

    def add_record(self, record: Record) -> None:
        """Append a record.

        Raises:
            OSError: The file cannot be written.
        """
        self.add(type(record).__name__, attrs.asdict(record))

    def add(self, kind: str, values: dict[str, Any]) -> None:
        """Append values of any kind.

        Raises:
            OSError: The file cannot be written.
        """
        line = json.dumps({"run": self.run_id, "record": kind, **plain(values)}, default=repr)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
