"""One environment working through its own quota of episodes, one after the other.

A chunk of actions is played to its end before the policy is asked again, open loop, unless the
episode ends first: Li et al. 2025 (Q-chunking), arXiv 2507.07969; Chi et al. 2023, arXiv
2303.04137, with as many actions taken as predicted.
"""

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import attrs

from genpolicy.dataset import EnvironmentSpec, Floats
from genpolicy.evaluation.environment import flatten
from genpolicy.records import EpisodeRecord

if TYPE_CHECKING:
    from genpolicy.evaluation.environment import Environment

_SUCCESS = ("success", "is_success")
"""What environments call it in their step's information."""


class Lane:
    """An environment, and the episodes it has still to play.

    Args:
        spec: Its specification.
        environment: The environment.
        seeds: The seed of each of its episodes.
    """

    def __init__(
        self, spec: EnvironmentSpec, environment: "Environment", seeds: Iterable[int]
    ) -> None:
        self._spec = spec
        self._environment = environment
        self._seeds = iter(seeds)
        self._planned: deque[Floats] = deque()
        self.finished = False
        self._begin()

    @property
    def waits(self) -> bool:
        """Whether it needs the policy's next decision before it can take a step."""
        return not self._planned

    def plan(self, decision: Floats) -> None:
        """Take in a decision: one action, or a chunk of them, ``[chunk, *action]``."""
        single = decision.ndim == len(self._environment.action_space.shape or ())
        self._planned.extend([decision] if single else decision)

    def step(self) -> EpisodeRecord | None:
        """Take one step as planned; returns the episode's record if it ended there."""
        action = self._planned.popleft()
        observation, reward, terminal, timeout, info = self._environment.step(action)
        self._episode.add(float(reward), info)
        if not (terminal or timeout):
            self.observation = flatten(self._spec, observation)
            return None
        record = self._episode.record()
        self._planned.clear()
        self._begin()
        return record

    def _begin(self) -> None:
        seed = next(self._seeds, None)
        if seed is None:
            self.finished = True
            return
        self._episode = _Episode(seed)
        self.observation = flatten(self._spec, self._environment.reset(seed=seed)[0])


@attrs.define(eq=False)
class _Episode:
    """What is known so far of an episode being played."""

    seed: int
    rewards: float = 0.0
    length: int = 0
    success: bool | None = None
    steps_to_success: int | None = None

    def add(self, reward: float, info: dict[str, Any]) -> None:
        self.rewards += reward
        self.length += 1
        for key in _SUCCESS:
            if key in info:
                self.success = bool(self.success or info[key])
        if self.success and self.steps_to_success is None:
            self.steps_to_success = self.length

    def record(self) -> EpisodeRecord:
        return EpisodeRecord(
            return_=self.rewards,
            length=self.length,
            success=self.success,
            steps_to_success=self.steps_to_success,
            seed=self.seed,
        )
