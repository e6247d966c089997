"""Shards made in several processes, each of which asks for the next one when it is done.

A process that is left alone, because the one that started it was killed, ends by itself.
"""

import multiprocessing
import pickle
import signal
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from genpolicy.errors import GenpolicyError, OptionError, RunError
from genpolicy.making.maker import Shard

Tell = Callable[[int], None]
Work = Callable[[Shard, Tell], None]

_PATIENCE = 5.0
"""Seconds that a process is given to end."""


def make_in_processes(work: Work, shards: Sequence[Shard], jobs: int, tell: Tell) -> None:
    """Do a work for every shard, in several processes.

    Args:
        work: What makes a shard, given whom to tell.
        shards: The shards.
        jobs: How many processes.
        tell: Told as transitions are made.

    Raises:
        OptionError: The work cannot be sent to other processes.
        GenpolicyError: The work raises it.
        RunError: A process died.
    """
    _check_sendable(work)
    waiting = deque(shards)
    with ExitStack() as stack:
        workers = [stack.enter_context(_Worker(work)) for _ in range(jobs)]
        for worker in workers:
            worker.give(waiting)
        while busy := {worker.connection: worker for worker in workers if worker.busy}:
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                busy[connection].hear(waiting, tell)


class _Worker:
    """A process that makes one shard at a time."""

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._theirs = theirs
        self._process: BaseProcess = context.Process(
            target=_serve, args=(work, theirs), daemon=True
        )
        self.busy = False

    def __enter__(self) -> "_Worker":
        self._process.start()
        self._theirs.close()  # else its death would go unheard
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.connection.close()
        if kind is not None:
            self._process.terminate()
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()

    def give(self, waiting: "deque[Shard]") -> None:
        """Hand over the next shard, if one is left."""
        self.busy = bool(waiting)
        if waiting:
            self.connection.send(waiting.popleft())

    def hear(self, waiting: "deque[Shard]", tell: Tell) -> None:
        """Take in one message: how far it is, that it is done, or why it is not."""
        try:
            message = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join(_PATIENCE)
            raise RunError(
                f"a process that made data died (exit code {self._process.exitcode}); the same "
                "command goes on where it was"
            ) from None
        if isinstance(message, int):
            tell(message)
        elif message is None:
            self.give(waiting)
        else:
            raise message


def _serve(work: Work, connection: "Connection[Any, Any]") -> None:
    """Make the shards that are asked for until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it decides
    try:
        while True:
            answer(work, connection)
    except (EOFError, OSError):  # whoever asked is gone
        return


def answer(work: Work, connection: "Connection[Any, Any]") -> None:
    """Make the shard that is asked for, and say that it is done or why it is not.

    Raises:
        EOFError: Nobody asks any more.
    """
    shard = connection.recv()
    try:
        work(shard, connection.send)
        connection.send(None)
    except GenpolicyError as error:
        connection.send(error)
    except Exception as error:  # whatever a simulator raises
        connection.send(RunError(f"a shard cannot be made: {error!r}"))


def _check_sendable(work: Work) -> None:
    try:
        pickle.dumps(work)
    except Exception as error:
        raise OptionError(
            f"this dataset cannot be made in several processes ({error}); leave out --jobs"
        ) from error
