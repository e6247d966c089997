"""Opens HDF5 files, and says in words what is wrong with them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genpolicy.errors import DataError


@contextlib.contextmanager
def opened(path: Path) -> Iterator[dict[str, Any]]:
    """Open a file; its arrays are read when they are sliced.

    Yields:
        The arrays at its top, and its attributes, by name.

    Raises:
        DataError: There is no such file, or it is no HDF5, or damaged; also inside the body.
    """
    import h5py

    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}")
    try:
        with h5py.File(path, "r") as file:
            arrays = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
            yield {name: np.asarray(value) for name, value in file.attrs.items()} | arrays
    except PermissionError as error:
        raise DataError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise DataError(f"{str(path)!r} is not an HDF5 file, or a damaged one: {error}") from error
