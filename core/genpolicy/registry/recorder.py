"""The thread that takes a run's records to the database, and outlives every failure there."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from genpolicy.registry.backlog import Backlog
from genpolicy.registry.claims import Claim
from genpolicy.registry.clock import HEARTBEAT_SECONDS
from genpolicy.registry.failures import RegistryLockedError, TakenOverError
from genpolicy.registry.marks import Mark
from genpolicy.registry.rows import Told
from genpolicy.registry.spill import Spill

FLUSH_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 60.0
_BATCH: Final = 500


class Recorder:
    """Empties a backlog into the database, and reports that the run is alive.

    While the database is locked, records wait. What it refuses for good goes to a file beside the
    run, or stays in memory while that cannot be written either; the database is tried again with
    whatever comes next.

    Args:
        claim: The run to write to.
        backlog: What to write.
        spill: Where records go that the database refuses.
        mark: What tells others that the run is alive, whatever registry they look at.
        on_problem: Told once, in words, when something could not be recorded.
    """

    def __init__(
        self,
        claim: Claim,
        backlog: Backlog,
        spill: Spill,
        mark: Mark,
        on_problem: Callable[[str], None],
    ) -> None:
        self.problem: str | None = None
        self.taken_over: TakenOverError | None = None
        self._claim = claim
        self._backlog = backlog
        self._spill = spill
        self._mark = mark
        self._on_problem = on_problem
        self._last_beat = time.monotonic()
        self._thread = threading.Thread(
            target=self._work, name=f"registry-{claim.run_id}", daemon=True
        )
        self._thread.start()

    def join(self) -> None:
        """Wait until the backlog, which must be closed, was dealt with."""
        self._thread.join()

    def conclude(self, act: Callable[[], None], kind: str, values: dict[str, Any]) -> None:
        """Do one last thing to the run, or note beside it what should have been done.

        Args:
            act: What to do.
            kind: What to call it in the file beside the run.
            values: Its details there.
        """
        obstacle = _insist(act)
        if obstacle is not None:
            self._set_aside(obstacle, lambda void: self._spill.add(kind, values, void=void))
            return
        with suppress(OSError):  # where there is such a file, it tells the whole story
            self._spill.add_if_there(kind, values)

    def _work(self) -> None:
        while not self._backlog.wait_for_work(FLUSH_SECONDS):
            self._write_backlog()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while obstacle := self._write_backlog():
            if time.monotonic() > deadline or not isinstance(obstacle, RegistryLockedError):
                self._give_up(obstacle)
                return
            self._backlog.wait_for_work(FLUSH_SECONDS)

    def _write_backlog(self) -> Exception | None:
        """Write what waits; return what hinders it from being written now, if anything does."""
        count, again = _BATCH, False
        while (records := self._backlog.head(count)) or again or self._beat_is_due():
            obstacle = self._write(records)
            if isinstance(obstacle, RegistryLockedError):
                return obstacle
            again = obstacle is not None and count > 1
            if again:
                count = 1  # one record may be at fault, or a connection that is replaced by now
                continue
            if obstacle and not self._spill_all(records, obstacle):
                return obstacle
            self._backlog.drop(len(records))
        return None

    def _write(self, records: Sequence[Told]) -> Exception | None:
        self._last_beat = time.monotonic()
        self._mark.beat()
        try:
            self._claim.write(records, self._backlog.step)
        except TakenOverError as error:
            self.taken_over = error
            return error
        except Exception as error:
            return error
        return None

    def _beat_is_due(self) -> bool:
        return time.monotonic() - self._last_beat >= HEARTBEAT_SECONDS

    def _give_up(self, obstacle: Exception) -> None:
        while records := self._backlog.head(_BATCH):
            self._spill_all(records, obstacle)
            self._backlog.drop(len(records))

    def _spill_all(self, records: Sequence[Told], obstacle: Exception) -> bool:
        def spill(void: bool) -> None:
            if not records and not void:
                self._spill.beat()
            for told in records:
                self._spill.add_record(told, void=void)

        return self._set_aside(obstacle, spill)

    def _set_aside(self, obstacle: Exception, spill: Callable[[bool], None]) -> bool:
        """Write to the file beside the run; return whether that worked.

        Args:
            obstacle: Why the database was not written.
            spill: Writes to the file, told whether the run is another process's by now.
        """
        try:
            spill(isinstance(obstacle, TakenOverError))
        except Exception as error:
            self._report(f"{obstacle}; nor can {str(self._spill.path)!r} be written: {error}")
            return False
        self._report(f"{obstacle}; what is not recorded is kept in {str(self._spill.path)!r}")
        return True

    def _report(self, problem: str) -> None:
        if self.problem is None:
            self.problem = problem
            with suppress(Exception):  # a warning may be turned into an error
                self._on_problem(problem)


def _insist(act: Callable[[], None]) -> Exception | None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            act()
        except RegistryLockedError as error:
            if time.monotonic() > deadline:
                return error
        except Exception as error:
            return error
        else:
            return None
