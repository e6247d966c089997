"""Records on their way from the training thread to the writing thread."""

import threading
import time
from collections import deque
from datetime import UTC, datetime
from itertools import islice

from genpolicy.registry.rows import Record, Told


class Backlog:
    """A queue that is read in batches and emptied only of what was dealt with.

    Args:
        step: Steps of the whole run taken so far; it follows what is reported.
    """

    def __init__(self, step: int = 0) -> None:
        self.step = step
        self._records: deque[Told] = deque()
        self._changed = threading.Condition()
        self._added = self._dropped = 0
        self._urgent = self._closed = self._idle = False

    def add(self, record: Record, *, urgent: bool = False) -> None:
        """Append a record; an urgent one wakes the reader."""
        with self._changed:
            assert not self._closed, "a run's observer is told nothing after its end"
            self._records.append(Told(record, datetime.now(UTC)))
            self._added += 1
            self.step = max(self.step, int(record.step))
            if urgent:
                self._wake()

    def close(self) -> None:
        """Take no more records and wake the reader."""
        with self._changed:
            self._closed = True
            self._wake()

    def head(self, count: int) -> list[Told]:
        """Return the oldest records, and leave them."""
        with self._changed:
            return list(islice(self._records, count))

    def drop(self, count: int) -> None:
        """Remove the oldest records."""
        with self._changed:
            for _ in range(count):
                self._records.popleft()
            self._dropped += count
            self._changed.notify_all()

    def wait_for_work(self, seconds: float) -> bool:
        """Wait until something is urgent, at most so long; return whether the backlog is closed."""
        with self._changed:
            self._idle = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._urgent, seconds)
            self._urgent = self._idle = False
            return self._closed

    def flush(self, seconds: float) -> bool:
        """Wait until the reader came round and dealt with every record added so far.

        Returns:
            Whether it was in time.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            target = self._added
            self._wake()
            return self._changed.wait_for(
                lambda: self._dropped >= target and self._reader_came_round(),
                deadline - time.monotonic(),
            )

    def _reader_came_round(self) -> bool:
        return self._closed or (self._idle and not self._urgent)

    def _wake(self) -> None:
        self._urgent = True
        self._changed.notify_all()
