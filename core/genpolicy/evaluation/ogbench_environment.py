"""OGBench's environments (Park et al. 2025, arXiv 2410.20092), made by OGBench's own maker.

Its mazes draw starts, noise and teleports from numpy's global random numbers and stir themselves
with actions that nobody seeds. Here each environment has random numbers of its own, so that a seed
gives the same episode whatever else was drawn.
"""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np

from genpolicy.dataset import EnvironmentSpec
from genpolicy.evaluation.global_random import GlobalRandom

_Environment = gymnasium.Env[Any, Any]


class OwnRandomness(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment whose every random number follows from the seed that it is reset with."""

    def __init__(self, environment: _Environment) -> None:
        super().__init__(environment)
        # An arm makes its spaces anew, and begins an episode for it, whenever they are asked for.
        self.action_space = environment.action_space
        self.observation_space = environment.observation_space
        self._random = GlobalRandom(0)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; without a seed, the random numbers go on."""
        with _without_warnings():
            if seed is not None:
                self._random = GlobalRandom(seed)
                self.unwrapped.action_space.seed(seed)
            with self._random.lent():
                return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take a step."""
        with self._random.lent():
            return self.env.step(np.asarray(action))


def make_ogbench(spec: EnvironmentSpec) -> _Environment:
    """Make the environment of a dataset's name, such as ``cube-single-play-singletask-v0``."""
    import ogbench

    with _without_warnings(), GlobalRandom(0).lent():
        environment = ogbench.make_env_and_datasets(
            spec.id,
            env_only=True,
            max_episode_steps=spec.horizon,
            disable_env_checker=True,
            **spec.kwargs,
        )
        return OwnRandomness(environment)


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep back what Gymnasium says of the precision of OGBench's spaces."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
