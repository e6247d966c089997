"""Numpy's global random numbers, lent to code that draws from them.

Whoever borrows goes on where it stopped, and everybody else finds the numbers as they were.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


class GlobalRandom:
    """A stream of random numbers that can take the place of numpy's global one.

    Args:
        seed: Where it starts; any whole number that is not negative.
    """

    def __init__(self, seed: int) -> None:
        self._state: Any = np.random.RandomState(seed % 2**32).get_state()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """While inside, numpy's global random numbers are this stream."""
        before = np.random.get_state()
        np.random.set_state(self._state)
        try:
            yield
        finally:
            self._state = np.random.get_state()
            np.random.set_state(before)
