"""One's own data: an HDF5 file with the fields of the ``npz`` part.

Fields are datasets at the top of the file; ``action_low``, ``action_high``, ``environment`` and
``reference`` may be attributes of the file instead. The file is read block by block, once.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

import attrs

from genpolicy.columns import Columns, blocks
from genpolicy.dataset import Dataset, DatasetRecipe
from genpolicy.dataset_abilities import WritableDataset
from genpolicy.errors import DataError
from genpolicy.recipe import option
from genpolicy.storage import file_key, stored
from genpolicy_plugins.datasets.hdf5_files import opened
from genpolicy_plugins.datasets.npz import dataset_of
from genpolicy_plugins.datasets.npz_fields import Fields
from genpolicy_plugins.datasets.npz_writer import columns_to_write, facts_to_write, replacing
from genpolicy_plugins.datasets.successors import transitions

_LAYOUT: Final = 1
_CHUNK: Final = 4096  # rows that are compressed together


@attrs.frozen(kw_only=True)
class Hdf5(DatasetRecipe, WritableDataset):
    """Transitions from an HDF5 file."""

    argument: ClassVar[str | None] = "path"

    path: str = option("", help="the HDF5 file")

    def load(self) -> Dataset:
        """Return the file's transitions."""
        return read_hdf5(self._file(), name=f"hdf5:{self.path}")

    def write(self, dataset: Dataset) -> None:
        """Write a dataset to the file, in place of what is there."""
        write_hdf5(dataset, self._file())

    def _file(self) -> Path:
        if not self.path:
            raise DataError("dataset 'hdf5' needs a file: hdf5:FILE.hdf5")
        return Path(self.path).expanduser()


def read_hdf5(path: Path, *, name: str) -> Dataset:
    """Read a dataset from a file, from the cache where it was read before.

    Args:
        path: The file.
        name: What to call the dataset.

    Raises:
        DataError: The file is missing, is no HDF5, lacks a field, or its arrays cannot be what they
            claim to be.
    """
    with opened(path) as arrays:
        key = {"reader": "hdf5", "layout": _LAYOUT, **file_key(path)}
        columns = stored(name, key, lambda: _transitions(name, path))
        return dataset_of(Fields(name, arrays), columns)


def write_hdf5(dataset: Dataset, path: Path) -> None:
    """Write a dataset block by block, whole or not at all; the same dataset gives the same bytes.

    Raises:
        DataError: The file cannot be written there.
    """
    import h5py

    columns = columns_to_write(dataset)
    with replacing(path) as partial, h5py.File(partial, "w") as file:
        for name, array in columns.items():
            _write(file, name, array)
        for name, value in facts_to_write(dataset).items():
            file.attrs[name] = value


def _transitions(name: str, path: Path) -> Iterator[Columns]:
    with opened(path) as arrays:
        yield from transitions(Fields(name, arrays))


def _write(file: Any, name: str, array: Any) -> None:
    chunk = (min(len(array), _CHUNK), *array.shape[1:])
    field = file.create_dataset(
        name, array.shape, array.dtype, chunks=chunk, compression="gzip", compression_opts=1
    )
    for rows in blocks(array):
        field[rows] = array[rows]
