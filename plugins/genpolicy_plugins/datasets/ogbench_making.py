"""Makes data like OGBench's, with its oracles and its published settings.

The settings are those of ``data_gen_scripts/commands.sh`` in OGBench's repository (Park et al.
2025, arXiv 2410.20092): 1000 episodes of 1001 rows, and a tenth as many to validate with. What
makes them lies in the ``ogbench`` package. The random numbers are our own: the data are of the same
distribution as OGBench's files, and not the same.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from genpolicy.dataset import Dataset
from genpolicy.errors import DataError, OptionError
from genpolicy.evaluation.ogbench_names import OGBenchName, import_ogbench
from genpolicy.making import Arrays, FileMaker, Maker, Shard, Shards, split
from genpolicy.making.maker import derived_seed
from genpolicy_plugins.datasets.ogbench_reader import dataset_of
from genpolicy_plugins.datasets.ogbench_writer import write_ogbench

EPISODE: Final = 1000
"""Transitions of an episode, which is one row more."""

EPISODES: Final = 1000

_MAZES: Final = ("pointmaze-medium-navigate-v0", "pointmaze-large-navigate-v0")
_TABLES: Final = (
    "cube-single-play-v0",
    "cube-double-play-v0",
    "scene-play-v0",
    "puzzle-3x3-play-v0",
)
MADE: Final = _MAZES + _TABLES


@attrs.frozen(kw_only=True)
class OGBenchMaker(FileMaker):
    """Makes the data of one of OGBench's names.

    Args:
        name: What is made; a single task is that of :meth:`dataset`.
        episode: Transitions of an episode.
        together: Episodes of a shard.
        for_validation: Whether these are the data to validate with.
    """

    name: OGBenchName
    episode: int = EPISODE
    together: int = 5
    for_validation: bool = False

    @property
    def transitions(self) -> int:
        """How many transitions OGBench's data have."""
        return EPISODES * self.episode

    @property
    def seed(self) -> int:
        """The seed that OGBench's scripts begin with."""
        return 0

    def shards(self, transitions: int, seed: int) -> tuple[Shard, ...]:
        """Return shards of whole episodes, the last of which may be a shorter one."""
        if transitions < 1:
            raise OptionError(f"ogbench:{self.name.data} needs transitions ≥ 1; got {transitions}")
        sizes = split(transitions, self.together * self.episode)
        first = int(self.for_validation)
        return tuple(
            Shard(index=index, transitions=size, seed=derived_seed(seed, first, index))
            for index, size in enumerate(sizes)
        )

    def make(self, shard: Shard) -> Iterator[Arrays]:
        """Make a shard, an episode at a time."""
        from genpolicy_plugins.datasets.ogbench_oracles import episodes_of

        lengths = split(shard.transitions, self.episode)
        yield from episodes_of(self.name, lengths, shard.seed)

    def dataset(self, shards: Shards) -> Dataset:
        """Return what was made with the rewards of the name's task."""
        return dataset_of({name: shards.whole(name) for name in shards.names()}, self.name)

    def write(self, shards: Shards, path: Path) -> None:
        """Write a file of OGBench's kind."""
        write_ogbench(shards, path)

    def validation(self, transitions: int) -> "tuple[OGBenchMaker, int]":
        """Return what makes a tenth as much with random numbers of its own."""
        episodes = max(1, transitions // (10 * self.episode))
        return attrs.evolve(self, for_validation=True), episodes * self.episode


def maker_of(name: OGBenchName) -> Maker:
    """Return what makes data of a name.

    Raises:
        DataError: It cannot be made here, or OGBench is missing.
    """
    if name.data not in MADE:
        raise DataError(
            f"OGBench's {name.data!r} cannot be made here, since what made it is not in its "
            f"package; what can be made: {', '.join(MADE)}"
        )
    import_ogbench()
    return OGBenchMaker(name=name)
