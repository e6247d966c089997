"""Stops a plugin that does not finish, so that one that hangs keeps nobody from working.

A timer interrupts it with an exception that is no ``Exception`` and comes again every second, so
that code which swallows it once is stopped all the same. While a library that everybody shares is
being imported the plugin gets as long again, and ten seconds at least, for torch and numpy cannot
be imported again after half an import. Out of reach are code that swallows it for ever (the user is
told its name), C code that never returns to Python, systems without ``setitimer``, and callers
outside the main thread, for whom no timer can be set.
"""

import math
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Final

from genpolicy.errors import UsageError

PATIENCE: Final = "AGENT_PLUGINS_PATIENCE"
_SECONDS: Final = 30.0
_AGAIN: Final = 1.0
_TELL_AT: Final = 3  # by then it has swallowed the exception twice
_WAIT: Final = 10.0
_FOREVER: Final = 1e8  # three years; a timer takes no more than a few hundred
_SHARED: Final = ("torch", "numpy", "gymnasium", "minari", "sqlalchemy")


class OutOfPatienceError(BaseException):
    """A plugin took too long; not an ``Exception``, for plugins catch those."""


def patience(environ: Mapping[str, str]) -> float:
    """Return how many seconds a plugin may take, from ``AGENT_PLUGINS_PATIENCE``; 30 by default.

    Raises:
        UsageError: It is no positive number.
    """
    text = environ.get(PATIENCE) or str(_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds > 0.0:
        raise UsageError(
            f"{PATIENCE} is how many seconds a plugin may take to be imported, above 0 (inf for "
            f"no limit); got {text!r}"
        )
    return seconds


@contextmanager
def limited(seconds: float, who: str, task: str) -> Iterator[None]:
    """Raise :class:`OutOfPatienceError` inside what takes longer than this.

    Args:
        seconds: The limit; infinity is none.
        who: The distribution, named to the user if it cannot be stopped.
        task: What it is doing, such as ``"importing"``.
    """
    if not _can_be_limited() or seconds > _FOREVER:
        yield
        return
    alarm = _Alarm(seconds, who, task)
    start = time.monotonic()
    handler = signal.signal(signal.SIGALRM, alarm)
    delay, interval = signal.getitimer(signal.ITIMER_REAL)
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)  # may ring at once
            yield
        finally:
            alarm.armed = False
    finally:  # reached even if the alarm went off within the line above
        alarm.armed = False
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, handler)
        if delay:  # somebody else's timer, which stood still meanwhile
            left = delay - (time.monotonic() - start)
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-6), interval)


class _Alarm:
    def __init__(self, seconds: float, who: str, task: str) -> None:
        self.seconds, self.who, self.task = seconds, who, task
        self.armed = True
        self.rings = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.armed:
            return
        self.rings += 1
        if self.rings == _TELL_AT:
            os.write(2, f"warning: {self._stubborn()}\n".encode())
        if _imports_shared(frame):
            signal.setitimer(signal.ITIMER_REAL, max(self.seconds, _WAIT), _AGAIN)
            return
        raise OutOfPatienceError(
            f"it did not finish {self.task} in {self.seconds:g} s and was stopped"
        )

    def _stubborn(self) -> str:
        return (
            f"plugin {self.who} hangs and cannot be stopped; end this program, and start it with "
            f"AGENT_PLUGINS_DENY={self.who}"
        )


def _imports_shared(frame: FrameType | None) -> bool:
    """Whether the body of a module of a shared library is running."""
    while frame is not None:
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if frame.f_code.co_name == "<module>" and package in _SHARED:
            return True
        frame = frame.f_back
    return False


def _can_be_limited() -> bool:
    return (
        os.name == "posix"
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) is not None  # a handler of C code cannot be put back
    )
