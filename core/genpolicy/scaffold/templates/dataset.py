"""A cart on a line, pushed back to the middle by a controller that is not quite sure of itself.

    x <- x + 0.1 v,    v <- v + 0.1 force,    reward = -x^2

An episode ends where the cart is within 0.1 of the middle, and is cut after a while elsewhere.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import attrs
import numpy as np

from genpolicy import Dataset, DatasetRecipe, option


@attrs.frozen(kw_only=True)
class Example(DatasetRecipe):
    """A cart on a line, without an environment: trained on, not scored."""

    default_recipe: ClassVar[str | None] = "quick"

    episodes: int = option(200, help="how many episodes", ge=1)
    patience: int = option(60, help="steps after which an episode is cut", ge=1)
    noise: float = option(0.5, help="standard deviation of the noise in the controller", ge=0)
    seed: int = option(0, help="seed of the data; a run's own seed is another", ge=0)

    def load(self) -> Dataset:
        """Return the transitions; the same options give the same bytes."""
        random = np.random.default_rng(self.seed)
        rows = [row for _ in range(self.episodes) for row in self._episode(random)]
        observation, action, reward, following, terminal, timeout = zip(*rows, strict=True)
        return Dataset(
            name="example",
            observation=np.array(observation, np.float32),
            action=np.array(action, np.float32),
            reward=np.array(reward, np.float32),
            next_observation=np.array(following, np.float32),
            terminal=np.array(terminal, np.bool_),
            timeout=np.array(timeout, np.bool_),
            action_low=np.full(1, -1.0, np.float32),
            action_high=np.full(1, 1.0, np.float32),
        )

    def _episode(self, random: np.random.Generator) -> Iterator[tuple[Any, ...]]:
        """Yield the fields of every step, in the order in which ``load`` reads them."""
        state = np.array([random.uniform(-2.0, 2.0), 0.0])
        for step in range(1, self.patience + 1):
            wanted = -state[0] - 1.5 * state[1] + self.noise * random.normal()
            force = np.clip(wanted, -1.0, 1.0)
            following = state + 0.1 * np.array([state[1], force])
            there = bool(abs(following[0]) < 0.1)
            cut = step == self.patience and not there
            yield state, [force], -(following[0] ** 2), following, there, cut
            if there:
                return
            state = following
