"""Episodes of OGBench's oracles, with the settings of its data (arXiv 2410.20092, appendix C).

In a point maze, ``navigate`` walks to the next cell on a shortest path to a random corner or
crossing, and to another one when it is there. On a table, ``play`` follows a noisy plan to a random
aim, such as a cube's next place, and another plan when that one is over.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from genpolicy.evaluation.environment import quietly
from genpolicy.evaluation.global_random import GlobalRandom
from genpolicy.evaluation.ogbench_names import OGBenchName
from genpolicy.making import Arrays
from genpolicy_plugins.datasets.ogbench_episode import Episode
from genpolicy_plugins.datasets.ogbench_mazes import walk
from genpolicy_plugins.datasets.ogbench_tables import play

_ENDLESS = 10**9


def episodes_of(name: OGBenchName, lengths: Sequence[int], seed: int) -> Iterator[Arrays]:
    """Yield episodes one by one, each a row longer than it has transitions.

    Args:
        name: What is made.
        lengths: The transitions of each episode.
        seed: Where all random numbers start.
    """
    random = GlobalRandom(seed)
    in_maze = name.place.startswith("pointmaze")
    with quietly():
        environment = _environment(name, in_maze=in_maze)
        environment.unwrapped.action_space.seed(seed)  # a maze stirs itself before an episode
    begin: int | None = seed
    try:
        for length in lengths:
            with random.lent():
                episode: Episode = (walk if in_maze else play)(environment, length + 1, begin)
            begin = None  # from here on the environment's random numbers go on
            yield episode.arrays()
    finally:
        environment.close()


def _environment(name: OGBenchName, *, in_maze: bool) -> Any:
    import gymnasium
    import ogbench  # noqa: F401  registers the environments

    mode = {} if in_maze else {"mode": "data_collection"}
    return gymnasium.make(
        name.environment,
        terminate_at_goal=False,
        max_episode_steps=_ENDLESS,
        disable_env_checker=True,
        **mode,
    )
