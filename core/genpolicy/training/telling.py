"""Steps of an agent, told as the data tell theirs: in their rewards, n-step returns and chunks.

What :mod:`genpolicy.transforms` makes of whole episodes is made here of one that goes on.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np
import torch

from genpolicy.dataset import Dataset, Floats
from genpolicy.training.playing import Step
from genpolicy.training.replay import Replay


class Telling:
    """Makes transitions of steps, and puts them into a replay.

    Args:
        dataset: Whose transitions they become alike.
        replay: Where they go.
        chunk: How many actions one sample is, if it is a chunk; else ``None``.
        discount: That of the rewards within an n-step return.
    """

    def __init__(
        self, dataset: Dataset, replay: Replay, *, chunk: int | None, discount: float
    ) -> None:
        self._replay, self._rewards = replay, dataset.rewards
        self._chunked = chunk is not None
        self._length = chunk or dataset.stride
        self._discount = 1.0 if self._chunked else discount
        self._window: deque[Step] = deque()
        self._rows = 0

    def add(self, step: Step) -> None:
        """Take in the next step of an episode, or the first of the next."""
        self._window.append(step)
        if len(self._window) == self._length:
            self._tell()
        if step.is_last:
            while step.terminal and not self._chunked and self._window:
                self._tell()
            self.begin()

    def begin(self, earlier: Sequence[Step] = ()) -> None:
        """Begin an episode, or go on with one of which some steps have been told already."""
        self._window = deque(earlier[max(0, len(earlier) - self._length + 1) :])
        self._rows = len(earlier) - len(self._window)

    def _tell(self) -> None:
        """Tell the window as a transition, and move it on by a step."""
        steps = list(self._window)
        row = self._replay.add(
            {
                "observation": torch.as_tensor(steps[0].observation),
                "action": torch.as_tensor(self._action(steps)),
                "reward": torch.tensor(self._reward(steps)),
                "next_observation": torch.as_tensor(steps[-1].next_observation),
                "terminal": torch.tensor(float(steps[-1].terminal)),
            }
        )
        if self._rows >= self._length:
            self._replay.follow(row - self._length, row)
        self._rows += 1
        self._window.popleft()

    def _action(self, steps: Sequence[Step]) -> Floats:
        return np.stack([step.action for step in steps]) if self._chunked else steps[0].action

    def _reward(self, steps: Sequence[Step]) -> float:
        rewards = self._rewards.of(np.array([step.reward for step in steps], np.float32))
        return float((self._discount ** np.arange(len(steps)) * rewards).sum())
