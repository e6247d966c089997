"""The embedded datasets: ``umaze`` ships along, ``medium`` and ``large`` are made on first use."""

from abc import abstractmethod
from importlib import resources
from pathlib import Path
from typing import ClassVar

import attrs

from genpolicy.dataset import Dataset, DatasetRecipe
from genpolicy.dataset_abilities import MadeDataset, ReferenceDataset
from genpolicy.evaluation import Protocol
from genpolicy.making import MadeInShards, Maker
from genpolicy.records import EvaluationRecord
from genpolicy.storage import cache_directory
from genpolicy_plugins.datasets.mazes import LARGE, MEDIUM, UMAZE, Maze
from genpolicy_plugins.datasets.npz import read_npz
from genpolicy_plugins.datasets.npz_writer import write_npz
from genpolicy_plugins.datasets.references import reference_of

VERSION = 1
"""Counted up when the generator's arrays change, so that no older file is taken for newer data."""


@attrs.frozen(kw_only=True)
class PointMaze(DatasetRecipe, MadeDataset, MadeInShards, ReferenceDataset):
    """A noisy controller's walks between random goals of a point maze."""

    default_recipe: ClassVar[str | None] = "quick"
    maze: ClassVar[Maze]

    def load(self) -> Dataset:
        """Return the transitions, made or read."""
        name = self.maze.dataset
        dataset = read_npz(self._file(), name=name)
        return attrs.evolve(dataset, environment=self.maze.scored, reference=reference_of(name))

    def make(self, *, transitions: int | None = None, seed: int | None = None) -> Dataset:
        """Make the data in MuJoCo; without arguments, exactly what ``load`` returns."""
        from genpolicy_plugins.datasets.generator import make

        return make(
            self.maze,
            transitions=self.maze.transitions if transitions is None else transitions,
            seed=self.maze.seed if seed is None else seed,
        )

    def maker(self) -> Maker:
        """Return what makes the data in MuJoCo, walk by walk."""
        from genpolicy_plugins.datasets.generator import WalkMaker

        return WalkMaker(maze=self.maze)

    def measure_reference(self, protocol: Protocol | None = None) -> dict[str, EvaluationRecord]:
        """Score uniform actions, the data's controller, and that controller without noise."""
        from genpolicy_plugins.datasets.measuring import measure_reference

        return measure_reference(self.maze, protocol)

    @abstractmethod
    def _file(self) -> Path: ...


@attrs.frozen(kw_only=True)
class UMaze(PointMaze):
    """The U-shaped maze, 80 000 transitions, shipped along."""

    maze: ClassVar[Maze] = UMAZE

    def _file(self) -> Path:
        return Path(str(resources.files(__package__))) / "pointmaze-umaze.npz"


@attrs.frozen(kw_only=True)
class _Made(PointMaze):
    """A maze whose data is made on first use and kept in the cache directory."""

    def _file(self) -> Path:
        maze = self.maze
        name = f"pointmaze-{maze.name}-{maze.transitions}-seed{maze.seed}-v{VERSION}.npz"
        path = cache_directory() / name
        if not path.is_file():
            write_npz(self.make(), path)
        return path


@attrs.frozen(kw_only=True)
class Medium(_Made):
    """The medium maze, 100 000 transitions, made on first use."""

    maze: ClassVar[Maze] = MEDIUM


@attrs.frozen(kw_only=True)
class Large(_Made):
    """The large maze, 100 000 transitions, made on first use."""

    maze: ClassVar[Maze] = LARGE
