"""Processes that score agents beside the one that trains.

Each is a fresh interpreter, started when there is something to play for it, that takes one task
after another. One that is left alone, because the one that started it was killed, ends by itself.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import TYPE_CHECKING, Any, Self

from genpolicy.errors import RunError
from genpolicy.records import EvaluationRecord

if TYPE_CHECKING:
    from genpolicy.evaluation.worker import Task

Answer = list[EvaluationRecord | RunError] | str
"""For every agent of a task its record or its own error, or in words why nobody was played."""

_GONE = "the evaluation workers were sent away"

_PATIENCE = 5.0
"""Seconds that a process is given to end."""


class Pending:
    """A task that was handed over; its answer comes later."""

    def __init__(self, task: "Task", workers: "Workers") -> None:
        self.task, self._workers = task, workers
        self.answer: Answer | None = None

    def wait(self, seconds: float | None = 0.0) -> bool:
        """Wait for the answer, for so long or until it comes; returns whether it is there."""
        while self.answer is None:
            self._workers.attend(seconds)
            if seconds is not None:
                break
        return self.answer is not None


class Workers:
    """Evaluation workers, none of which is started before it is needed.

    Once a task could not be played, they take no more: whoever asks plays by itself then.

    Args:
        count: How many, at most.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._waiting: deque[Pending] = deque()
        self._workers: list[_Worker] = []
        self._complaint: str | None = None
        self.willing = count > 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def play(self, task: "Task") -> Pending:
        """Hand over a task; waits while as many as there are workers wait to be played."""
        pending = Pending(task, self)
        self._waiting.append(pending)
        self.attend(0.0)
        while len(self._waiting) > self._count:
            self.attend(None)
        return pending

    def attend(self, seconds: float | None) -> None:
        """Take in what was answered, waiting so long for it, and hand out what is left to play."""
        self._hand_out()
        busy: dict[Any, _Worker] = {each.connection: each for each in self._workers if each.task}
        for connection in wait(list(busy), seconds):
            answer = busy[connection].take_answer()
            if isinstance(answer, str):
                self._give_up(answer)
        self._hand_out()

    def complaint(self) -> str | None:
        """Return why they take no more tasks; once, and nothing afterwards."""
        complaint, self._complaint = self._complaint, None
        return complaint

    def close(self) -> None:
        """End the workers, whatever they are at."""
        self._give_up(_GONE)
        for worker in self._workers:
            worker.kill()
        self._workers = []

    def _hand_out(self) -> None:
        try:
            while self._waiting and (worker := self._free()) is not None:
                worker.give(self._waiting.popleft())
        except OSError as error:
            self._give_up(f"an evaluation worker cannot be started ({error})")

    def _free(self) -> "_Worker | None":
        free = next((each for each in self._workers if each.task is None), None)
        if free is None and len(self._workers) < self._count:
            free = _Worker()
            self._workers.append(free)
        return free

    def _give_up(self, why: str) -> None:
        """Take no more tasks, and let those that nobody has begun be played elsewhere."""
        if self.willing:
            self.willing, self._complaint = False, why
        while self._waiting:
            self._waiting.popleft().answer = why


class _Worker:
    """A process, and the task that it plays."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_serve, args=(theirs,), daemon=True)
        with closing(theirs), _interrupts_held():  # were it left open, its death would go unheard
            self._process.start()
        self.task: Pending | None = None

    def give(self, task: Pending) -> None:
        """Send a task, without waiting for the process to be ready for it."""
        self.task = task
        Thread(target=_send, args=(self.connection, task.task), daemon=True).start()

    def take_answer(self) -> Answer:
        """Take in the answer that has come, or that the process died."""
        assert self.task is not None
        task, self.task = self.task, None
        try:
            answer: Answer = self.connection.recv()
        except (EOFError, OSError):
            self._process.join(_PATIENCE)
            answer = f"an evaluation worker died (exit code {self._process.exitcode})"
        task.answer = answer
        return answer

    def kill(self) -> None:
        """End it at once."""
        if self.task is not None:
            self.task.answer = _GONE
        self._process.kill()
        self._process.join(_PATIENCE)
        self.connection.close()


def _send(connection: "Connection[Any, Any]", task: "Task") -> None:
    with suppress(OSError):  # its death is heard where its answer is awaited
        connection.send(task)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait; a process that is begun inside has it wait from its first moment."""
    if os.name != "posix":
        yield
        return
    resource_tracker.ensure_running()  # were it begun inside, it would let go of them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: "Connection[Any, Any]") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who began it decides, also about those held
    if os.name == "posix":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    from genpolicy.evaluation.worker import serve

    serve(connection)
