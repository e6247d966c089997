"""The mazes: their environments, as they are scored and as their data is made, and references."""

from typing import Final

import attrs

from genpolicy.dataset import EnvironmentSpec

OBSERVATION_KEYS: Final = ("observation", "desired_goal")


@attrs.frozen(kw_only=True)
class Maze:
    """One of gymnasium-robotics' point mazes.

    Args:
        name: The last part of the dataset's name.
        environment: Gymnasium's id.
        horizon: Steps of an evaluation episode, and after which a goal not reached is given up.
        transitions: How many transitions the embedded dataset holds.
        seed: The seed it is made from.
    """

    name: str
    environment: str
    horizon: int
    transitions: int
    seed: int = 0

    @property
    def dataset(self) -> str:
        """The dataset's name."""
        return f"pointmaze/{self.name}"

    @property
    def scored(self) -> EnvironmentSpec:
        """The environment for scoring: the goal stays, and being there pays at every step."""
        return self._spec(self.horizon)

    @property
    def explored(self) -> EnvironmentSpec:
        """The environment for making data: it is never cut; whoever walks in it sets its goals."""
        return self._spec(10**9)

    def _spec(self, horizon: int) -> EnvironmentSpec:
        return EnvironmentSpec(
            id=f"gymnasium_robotics:{self.environment}",
            kwargs={"continuing_task": True, "reset_target": False},
            observation_keys=OBSERVATION_KEYS,
            horizon=horizon,
        )


UMAZE = Maze(name="umaze", environment="PointMaze_UMaze-v3", horizon=300, transitions=80_000)
MEDIUM = Maze(name="medium", environment="PointMaze_Medium-v3", horizon=600, transitions=100_000)
LARGE = Maze(name="large", environment="PointMaze_Large-v3", horizon=800, transitions=100_000)
MAZES: Final = {maze.name: maze for maze in (UMAZE, MEDIUM, LARGE)}
