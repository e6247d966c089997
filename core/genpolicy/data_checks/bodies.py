"""Simulators whose state can be set from what they observe.

============================  ====================================================================
Gymnasium's MuJoCo bodies     an observation begins with all positions but the first k (the root's
                              place, which changes nothing), and all velocities
OGBench's point maze          it is the position; the velocity is 0 at every step
Gymnasium-Robotics' mazes     the point's position and velocity, then the goal
Gymnasium's pendulum          cosine and sine of the angle, and its velocity
============================  ====================================================================

Which of these an environment is, it shows itself: :func:`body_of` plays some steps in it, and takes
the first way by which they can be told again.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from genpolicy.evaluation import flatten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genpolicy.dataset import EnvironmentSpec, Floats
    from genpolicy.evaluation.environment import Environment

_ROOTS: Final = (1, 2, 0)
"""How many of a root's positions an observation may lack."""

CLIPPED: Final = 10.0
"""The largest velocity that Gymnasium's Hopper and Walker2d observe."""


class Body(ABC):
    """A simulator whose state can be set from an observation.

    Args:
        spec: Its specification.
        environment: The environment; it is stepped without its clock.
    """

    def __init__(self, spec: "EnvironmentSpec", environment: "Environment") -> None:
        self.spec = spec
        self.environment = environment
        self.simulator: Any = environment.unwrapped

    @property
    @abstractmethod
    def compared(self) -> int:
        """How many numbers of the next observation its state decides, from the first on."""

    @abstractmethod
    def restore(self, observation: "NDArray[np.float64]") -> None:
        """Put the simulator where ``observation`` was made."""

    def tells_all(self, observation: "Floats") -> "NDArray[np.bool_]":
        """Return which observations, ``[n, observation]``, are enough to restore their state."""
        return np.ones(len(observation), np.bool_)

    def step(self, observation: "Floats", action: "Floats") -> "tuple[Floats, float, bool]":
        """Return what an action leads to where ``observation`` was made.

        Returns:
            What is observed, what is earned, and whether that ends the task.
        """
        self.restore(observation.astype(np.float64))
        seen, reward, ended, *_ = self.simulator.step(action)
        return flatten(self.spec, seen), float(reward), bool(ended)


class Joints(Body):
    """A body of Gymnasium's MuJoCo kind.

    Args:
        hidden: How many positions of its root an observation lacks.
        moving: Whether it observes velocities; they are 0 where it does not.
    """

    def __init__(
        self, spec: "EnvironmentSpec", environment: "Environment", hidden: int, *, moving: bool
    ) -> None:
        super().__init__(spec, environment)
        model = self.simulator.model
        self._hidden = np.zeros(hidden)
        self._positions = int(model.nq) - hidden
        self._velocities = int(model.nv) if moving else 0
        self._rest = np.zeros(0 if moving else int(model.nv))

    @property
    def compared(self) -> int:
        """All positions and velocities that it observes."""
        return self._positions + self._velocities

    def tells_all(self, observation: "Floats") -> "NDArray[np.bool_]":
        """Leave out those with a velocity at the limit to which some bodies clip what they show."""
        velocities = observation[:, self._positions : self.compared]
        return np.asarray((np.abs(velocities) < CLIPPED).all(axis=1))

    def restore(self, observation: "NDArray[np.float64]") -> None:
        """Set positions and velocities."""
        positions, velocities = np.split(observation[: self.compared], [self._positions])
        self.simulator.set_state(
            np.concatenate([self._hidden, positions]), np.concatenate([velocities, self._rest])
        )


class Point(Body):
    """The point of Gymnasium-Robotics' mazes."""

    @property
    def compared(self) -> int:
        """Position, velocity and goal."""
        return 6

    def restore(self, observation: "NDArray[np.float64]") -> None:
        """Set position, velocity and goal."""
        self.simulator.goal = observation[4:6].copy()
        self.simulator.point_env.set_state(observation[:2], observation[2:4])


class Pendulum(Body):
    """Gymnasium's pendulum."""

    @property
    def compared(self) -> int:
        """All three numbers."""
        return 3

    def restore(self, observation: "NDArray[np.float64]") -> None:
        """Set the angle and its velocity."""
        cosine, sine, velocity = observation
        self.simulator.state = np.array([np.arctan2(sine, cosine), velocity])


def bodies_of(spec: "EnvironmentSpec", environment: "Environment") -> Iterator[Body]:
    """Return the ways in which an environment's state may be set, the likeliest first."""
    simulator, size = environment.unwrapped, _size(spec, environment)
    if _is_a(simulator, "gymnasium.envs.classic_control.pendulum", "PendulumEnv"):
        yield Pendulum(spec, environment)
    if _is_a(simulator, "gymnasium_robotics.envs.maze.point_maze", "PointMazeEnv") and size == 6:
        yield Point(spec, environment)
    if _is_a(simulator, "gymnasium.envs.mujoco", "MujocoEnv"):
        for hidden in _ROOTS:
            body = Joints(spec, environment, hidden, moving=True)
            if body.compared <= size:
                yield body
        resting = Joints(spec, environment, 0, moving=False)
        if resting.compared == size:
            yield resting


def _size(spec: "EnvironmentSpec", environment: "Environment") -> int:
    return len(flatten(spec, environment.reset(seed=0)[0]))


def _is_a(simulator: object, module: str, name: str) -> bool:
    """Return whether it is of a class of a module; what made it has imported that already."""
    found = getattr(sys.modules.get(module), name, None)
    return found is not None and isinstance(simulator, found)
