"""OGBench's data (Park et al. 2025, arXiv 2410.20092), with the rewards of one of its tasks.

The files tell no rewards: the same data serve all tasks of an environment. What a task pays, and
where it is done, is worked out by the ``ogbench`` package itself.
"""

from typing import ClassVar

import attrs

from genpolicy.dataset import Dataset, DatasetRecipe
from genpolicy.errors import DataError, OptionError
from genpolicy.evaluation.ogbench_names import OGBenchName
from genpolicy.making import MadeInShards, Maker
from genpolicy.recipe import option
from genpolicy_plugins.datasets.ogbench_files import found_file
from genpolicy_plugins.datasets.ogbench_reader import read_ogbench


@attrs.frozen(kw_only=True)
class OGBench(DatasetRecipe, MadeInShards):
    """Transitions from a file of OGBench's."""

    argument: ClassVar[str | None] = "name"

    name: str = option("", help="OGBench's name, such as cube-single-play-singletask-v0")
    task: int = option(0, help="which task is rewarded; OGBench's default if 0", ge=0, le=5)
    path: str = option("", help="the .npz file; OGBench's own folder, or a download, if none")

    def load(self) -> Dataset:
        """Return the file's transitions with the task's rewards."""
        name = self._name()
        return read_ogbench(found_file(name, self.path), name)

    def maker(self) -> Maker:
        """Return what makes the file again, whatever the task."""
        from genpolicy_plugins.datasets.ogbench_making import maker_of

        return maker_of(self._name())

    def _name(self) -> OGBenchName:
        """Return the name of the single task that name and option mean together."""
        if not self.name:
            raise DataError(
                "dataset 'ogbench' needs a name: ogbench:cube-single-play-singletask-v0"
            )
        parsed = OGBenchName.parse(self.name)
        if self.task and parsed.task not in (None, self.task):
            raise OptionError(
                f"dataset {self.name!r} is of one task, and dataset.task={self.task} asks for "
                "another; name the task once"
            )
        return attrs.evolve(parsed, task=self.task or parsed.task or 0)
