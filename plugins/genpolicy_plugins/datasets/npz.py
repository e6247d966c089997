"""One's own data: a ``.npz`` file of plain arrays.

Fields, named in the singular or in D4RL's plural::

    observation         [transition, observation]
    action              [transition, action]
    reward              [transition]
    terminal, timeout   [transition], where the task ended, where an episode was cut; one will do
    next_observation    [transition, observation]; if missing, the next row of the episode
    final_observation   [episode, observation], what followed each episode's last step
    action_low, action_high   [action]; if missing, -1 and 1 where the data fits, else its range
    environment, reference    JSON texts; if missing, the data trains an agent but scores none

Without ``next_observation`` and ``final_observation``, an episode's last step is dropped unless it
is a terminal, since nobody knows what followed it.
"""

from pathlib import Path
from typing import ClassVar, Final

import attrs

from genpolicy.column_files import in_memory
from genpolicy.columns import Columns
from genpolicy.dataset import Dataset, DatasetRecipe
from genpolicy.dataset_abilities import WritableDataset
from genpolicy.errors import DataError
from genpolicy.recipe import option
from genpolicy.storage import file_key, stored
from genpolicy_plugins.datasets.npz_fields import Fields, array_sizes, read_arrays
from genpolicy_plugins.datasets.npz_writer import write_npz
from genpolicy_plugins.datasets.successors import transitions

_LARGE: Final = 64 << 20  # bytes of arrays, from where on unpacking is worth storing
_LAYOUT: Final = 1
_ABOUT: Final = ("action_low", "action_high", "environment", "reference")


@attrs.frozen(kw_only=True)
class Npz(DatasetRecipe, WritableDataset):
    """Transitions from a ``.npz`` file."""

    argument: ClassVar[str | None] = "path"

    path: str = option("", help="the .npz file")

    def load(self) -> Dataset:
        """Return the file's transitions."""
        return read_npz(self._file(), name=f"npz:{self.path}")

    def write(self, dataset: Dataset) -> None:
        """Write a dataset to the file, in place of what is there."""
        write_npz(dataset, self._file())

    def _file(self) -> Path:
        if not self.path:
            raise DataError("dataset 'npz' needs a file: npz:FILE.npz")
        return Path(self.path).expanduser()


def read_npz(path: Path, *, name: str) -> Dataset:
    """Read a dataset from a file.

    Args:
        path: The file.
        name: What to call the dataset.

    Raises:
        DataError: The file is missing, is no ``.npz`` of plain arrays, lacks a field, or its arrays
            cannot be what they claim to be.
    """
    if sum(array_sizes(path)) < _LARGE:
        fields = Fields(name, read_arrays(path))
        return dataset_of(fields, in_memory(name, transitions(fields)))
    key = {"reader": "npz", "layout": _LAYOUT, **file_key(path)}
    columns = stored(name, key, lambda: transitions(Fields(name, read_arrays(path))))
    return dataset_of(Fields(name, read_arrays(path, only=_ABOUT)), columns)


def dataset_of(fields: Fields, columns: Columns) -> Dataset:
    """Return the dataset of a file's transitions and of what it says about them."""
    low, high = fields.box(columns.action)
    return Dataset.of(
        columns,
        name=fields.dataset,
        action_low=low,
        action_high=high,
        environment=fields.environment(),
        reference=fields.reference(),
    )
