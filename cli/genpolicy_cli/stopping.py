"""Ctrl-C and SIGTERM: once to stop with a checkpoint, twice to stop at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping(stop: Callable[[], None], tell: Callable[[str], None]) -> Iterator[None]:
    """While inside, turn the first signal into a call of ``stop``, the second into an interrupt.

    Args:
        stop: Asks for a clean end.
        tell: Told what happens.
    """
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        stop()
        tell("stopping with a checkpoint; once more to stop at once")

    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
