"""One environment that an agent plays on and on, an episode after the other.

A simulator's own state cannot be saved in general. An episode is known by its seed and the actions
taken in it, and is played again to where it was.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs
import numpy as np

from genpolicy.dataset import EnvironmentSpec, Floats
from genpolicy.errors import RunError
from genpolicy.evaluation.environment import flatten

if TYPE_CHECKING:
    from genpolicy.evaluation.environment import Environment


@attrs.frozen(eq=False, kw_only=True)
class Step:
    """One step in an environment, in its own numbers.

    Args:
        observation: What was seen, ``[observation]``.
        action: What was done, ``[*action]``.
        reward: What it brought.
        next_observation: What was seen next, ``[observation]``.
        terminal: Whether the task ended there.
        timeout: Whether the episode was cut there without an end.
    """

    observation: Floats
    action: Floats
    reward: float
    next_observation: Floats
    terminal: bool
    timeout: bool

    @property
    def is_last(self) -> bool:
        """Whether the episode is over."""
        return self.terminal or self.timeout


class Playing:
    """An environment within an episode.

    Args:
        spec: Its specification.
        environment: The environment.
        seed: The run's seed, of which each episode gets one of its own.
        episode: The number of the episode that begins.
    """

    def __init__(
        self, spec: EnvironmentSpec, environment: "Environment", seed: int, episode: int = 0
    ) -> None:
        self._spec, self._environment, self._seed = spec, environment, seed
        self.begin(episode)

    @property
    def taken(self) -> Floats:
        """The actions taken in this episode, ``[step, *action]``."""
        shape = self._environment.action_space.shape or ()
        return np.array(self._taken, np.float32).reshape(-1, *shape)

    def begin(self, episode: int) -> None:
        """Begin an episode."""
        self.episode, self._taken = episode, list[Floats]()
        seen, _ = self._environment.reset(seed=episode_seed(self._seed, episode))
        self.observation = flatten(self._spec, seen)

    def step(self, action: Floats) -> Step:
        """Take a step; after an episode's last the next one begins.

        Raises:
            RunError: The environment answers with numbers that are not finite.
        """
        seen, reward, terminal, timeout, _ = self._environment.step(action)
        step = Step(
            observation=self.observation,
            action=np.asarray(action, np.float32),
            reward=float(reward),
            next_observation=flatten(self._spec, seen),
            terminal=bool(terminal),
            timeout=bool(timeout and not terminal),
        )
        self._check(step)
        self.observation = step.next_observation
        self._taken.append(step.action)
        if step.is_last:
            self.begin(self.episode + 1)
        return step

    def come_back(self, taken: Iterable[Floats], observation: Floats) -> list[Step] | None:
        """Play the episode again, which has just begun, to where it was.

        Args:
            taken: The actions taken in it.
            observation: What was seen last.

        Returns:
            Its steps; ``None`` if the simulator took another course, and the next episode began.
        """
        episode, steps = self.episode, [self.step(action) for action in taken]
        if self.episode == episode and np.array_equal(self.observation, observation):
            return steps
        self.begin(episode + 1)
        return None

    def _check(self, step: Step) -> None:
        if not (np.isfinite(step.reward) and np.isfinite(step.next_observation).all()):
            raise RunError(
                f"environment {self._spec.id!r} gave an observation or a reward that is not finite "
                f"in step {len(self._taken) + 1} of online episode {self.episode + 1}; nothing can "
                "be learnt from it"
            )


def episode_seed(seed: int, episode: int) -> int:
    """Return the seed of a run's online episode, in [2^31, 2^32), far from an evaluation's."""
    drawn = np.random.SeedSequence((seed, episode)).generate_state(1)[0]
    return int(drawn) | 1 << 31
