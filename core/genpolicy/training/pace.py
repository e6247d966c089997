"""When a run saves a checkpoint and when it stops; runs that train together share it.

Whoever asks after the same step is told the same, so that members of a batch have their checkpoints
at the same steps, whenever in between a signal comes or the time is up.
"""

import time


class Pace:
    """Decides once per step.

    Args:
        seconds: Time between checkpoints.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._saved = seconds, time.monotonic()
        self._step = -1
        self._due = self._stops = False
        self.stop_asked = False

    def stop(self) -> None:
        """Ask for a stop after a step that nobody has asked about yet."""
        self.stop_asked = True

    def stops(self, step: int) -> bool:
        """Whether to save and stop after this step."""
        self._decide(step)
        return self._stops

    def is_due(self, step: int) -> bool:
        """Whether a checkpoint is due after this step."""
        self._decide(step)
        return self._due

    def saved(self) -> None:
        """Take note that a checkpoint was written."""
        self._saved = time.monotonic()

    def _decide(self, step: int) -> None:
        if step != self._step:
            self._step, self._stops = step, self.stop_asked
            self._due = time.monotonic() - self._saved >= self._seconds
