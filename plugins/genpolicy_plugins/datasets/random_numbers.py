"""Random numbers in the form of transitions: they teach nothing, and serve to measure speed."""

from typing import ClassVar, Final

import attrs
import numpy as np

from genpolicy import Dataset, DatasetRecipe, option

EPISODE: Final = 1000
"""Steps per episode, of which every other one ends and the rest are cut."""


@attrs.frozen(kw_only=True)
class RandomNumbers(DatasetRecipe):
    """Normal observations and rewards, uniform actions."""

    argument: ClassVar[str | None] = "sizes"

    sizes: tuple[int, ...] = option(
        (17, 6), help="how many numbers an observation has, and an action"
    )
    transitions: int = option(20_000, help="how many", ge=1)
    seed: int = option(0, help="seed of the numbers; a run's own seed is another", ge=0)

    def __attrs_post_init__(self) -> None:
        if len(self.sizes) != 2 or min(self.sizes) < 1:
            raise ValueError(f"sizes are two positive numbers, such as 17,6; got {self.sizes}")

    def load(self) -> Dataset:
        """Return the transitions; the same options give the same bytes."""
        random = np.random.default_rng(self.seed)
        (observed, done), count = self.sizes, self.transitions
        seen, last = random.normal(size=(2, count + 1, observed)).astype(np.float32)
        place = np.arange(count) % (2 * EPISODE)
        ends = place % EPISODE == EPISODE - 1
        return Dataset(
            name=f"random:{observed},{done}",
            observation=seen[:-1],
            action=random.uniform(-1.0, 1.0, (count, done)).astype(np.float32),
            reward=random.normal(size=count).astype(np.float32),
            next_observation=np.where(ends[:, None], last[1:], seen[1:]),
            terminal=place == EPISODE - 1,
            timeout=place == 2 * EPISODE - 1,
            action_low=-np.ones(done, np.float32),
            action_high=np.ones(done, np.float32),
        )
