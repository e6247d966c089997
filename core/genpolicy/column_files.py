"""``.npy`` files that are written block by block, before it is known how many rows there are."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from genpolicy.columns import NAMES, Columns
from genpolicy.errors import DataError

_HEADER: Final = 256  # bytes; a multiple of 64, where NumPy wants the numbers to begin
_BUFFER: Final = 1 << 20


class StorageError(Exception):
    """A file of the cache cannot be written."""


@contextmanager
def storing() -> Iterator[None]:
    """Tell what the disk refuses from what the source of the data does."""
    try:
        yield
    except OSError as error:
        raise StorageError(error.strerror or str(error)) from error


def write_columns(name: str, folder: Path, parts: Iterable[Columns]) -> None:
    """Write all columns, a file each, flushed to the disk.

    Args:
        name: What errors call the dataset.
        folder: Where; it exists.
        parts: The rows, block by block.

    Raises:
        StorageError: The disk refuses.
        DataError: The blocks do not go together, or there is none.
    """
    with ExitStack() as stack:
        files = {}
        for column in NAMES:
            files[column] = stack.enter_context(_File(name, column, column_file(folder, column)))
        for part in parts:
            for column, array in part.arrays().items():
                files[column].append(array)
        for file in files.values():
            file.finish()


def column_file(folder: Path, column: str) -> Path:
    """Return where a column lies."""
    return folder / f"{column}.npy"


def in_memory(name: str, parts: Iterable[Columns]) -> Columns:
    """Return all rows as plain arrays, which take little more than their size while they grow.

    Args:
        name: What errors call the dataset.
        parts: The rows, block by block.

    Raises:
        DataError: The blocks do not go together, or there is none.
    """
    growing = {column: _Growing(name, column) for column in NAMES}
    for part in parts:
        for column, array in part.arrays().items():
            growing[column].append(array)
    return Columns(**{column: each.whole() for column, each in growing.items()})


class _Growing:
    """One column in memory while it grows."""

    def __init__(self, dataset: str, column: str) -> None:
        self._dataset, self._column = dataset, column
        self._array: NDArray[Any] | None = None
        self._rows = 0

    def append(self, array: NDArray[Any]) -> None:
        """Add rows after those that are there."""
        _alike(self._dataset, self._column, self._array, array)
        if self._array is None:
            self._array = np.empty_like(array, order="C", subok=False)
        stop = self._rows + len(array)
        if stop > len(self._array):
            # The memory is enlarged in place: it is never there twice.
            self._array.resize((stop + stop // 4, *array.shape[1:]), refcheck=False)
        self._array[self._rows : stop] = array
        self._rows = stop

    def whole(self) -> NDArray[Any]:
        """Return all rows."""
        if self._array is None or not self._rows:
            raise _nothing(self._dataset)
        self._array.resize((self._rows, *self._array.shape[1:]), refcheck=False)
        return self._array


class _File:
    """One column's file while it grows."""

    def __init__(self, dataset: str, column: str, path: Path) -> None:
        self._dataset, self._column = dataset, column
        self._first: NDArray[Any] | None = None
        self._rows = 0
        with storing():
            self._file = path.open("wb", buffering=_BUFFER)

    def append(self, array: NDArray[Any]) -> None:
        """Write rows after those that are there."""
        first = self._first is None
        self._first = _alike(self._dataset, self._column, self._first, array)
        with storing():
            self._file.write(bytes(_HEADER) if first else b"")
            self._file.write(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
        self._rows += len(array)

    def finish(self) -> None:
        """Write how many rows there are, and see that the disk has it all."""
        if self._first is None or not self._rows:
            raise _nothing(self._dataset)
        with storing():
            self._file.seek(0)
            self._file.write(_header(self._first, self._rows))
            self._file.flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with storing():
            self._file.close()


def _header(like: NDArray[Any], rows: int) -> bytes:
    """Return the first bytes of a ``.npy`` file, of version 1.0 of its format."""
    facts = {"descr": like.dtype.str, "fortran_order": False, "shape": (rows, *like.shape[1:])}
    begin = np.lib.format.magic(1, 0)
    length = _HEADER - len(begin) - 2
    return begin + length.to_bytes(2, "little") + repr(facts).encode().ljust(length - 1) + b"\n"


def _alike(
    dataset: str, column: str, first: NDArray[Any] | None, array: NDArray[Any]
) -> NDArray[Any]:
    """Return no rows of a column, like all others must be."""
    if first is not None and (array.dtype, array.shape[1:]) != (first.dtype, first.shape[1:]):
        raise DataError(
            f"dataset {dataset!r}: {column} has rows of shape {first.shape[1:]} ({first.dtype}) "
            f"and of shape {array.shape[1:]} ({array.dtype}); they must agree"
        )
    return np.array(array[:0])


def _nothing(dataset: str) -> DataError:
    return DataError(f"dataset {dataset!r} has no transitions")
