"""Between which returns scores on the mazes are normalised.

Each number is a mean return over the 1000 episodes that begin with the default protocol's seed, as
measured by ``agent datasets reference pointmaze/umaze`` (likewise ``medium`` and ``large``) with
gymnasium-robotics 1.4.2 and mujoco 3.11.0. Random is uniform actions; expert is the waypoint
controller without noise, which knows the maze, left running. It is not the best there is, since it
slows down at every waypoint: scores above 100 are possible.
"""

from typing import Final

from genpolicy.dataset import Reference

VERSION: Final = 1
"""Counted up whenever a number below changes."""

_SOURCE = (
    f"pointmaze references v{VERSION}: uniform actions and the noise-free waypoint controller, "
    "1000 episodes each, seeds from 100000"
)

REFERENCES: Final = {
    "umaze": Reference(random_return=14.013, expert_return=231.913, source=_SOURCE),
    "medium": Reference(random_return=8.620, expert_return=457.432, source=_SOURCE),
    "large": Reference(random_return=8.953, expert_return=591.025, source=_SOURCE),
}
