"""The fields of a file of arrays, checked one by one as they are asked for.

An array is anything with a shape and a type that gives rows when it is sliced, in memory or in a
file.
"""

import contextlib
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from genpolicy.columns import Flags, Floats, blocks, seal_of
from genpolicy.dataset import EnvironmentSpec, Reference
from genpolicy.errors import DataError

Array = NDArray[Any]
T = TypeVar("T")

ALL: Final = slice(None)
_NUMBERS = "biuf"


def read_arrays(path: Path, only: Sequence[str] | None = None) -> dict[str, Array]:
    """Return the arrays of a file; pickled objects are never read.

    Args:
        path: The file.
        only: The names of those to read; all of them if ``None``.

    Raises:
        DataError: There is no such file, or it is not an ``.npz`` file of plain arrays.
    """
    with _told_in_words(path), np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files if only is None or name in only}


def array_sizes(path: Path) -> list[int]:
    """Return how many bytes each array of a file takes in memory.

    Raises:
        DataError: There is no such file, or it is not an ``.npz`` file.
    """
    with _told_in_words(path), zipfile.ZipFile(path) as archive:
        return [member.file_size for member in archive.infolist()]


@contextlib.contextmanager
def _told_in_words(path: Path) -> Iterator[None]:
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}")
    try:
        yield
    except PermissionError as error:
        raise DataError(f"{str(path)!r} cannot be read: {error.strerror}") from error
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{str(path)!r} is not an .npz file of plain arrays (pickled objects are never read)"
        ) from error


class Fields:
    """The fields of one file, in the singular or the plural.

    Args:
        dataset: What errors call the dataset.
        arrays: The file's arrays by name; texts among them are arrays of no dimension.
    """

    def __init__(self, dataset: str, arrays: Mapping[str, Any]) -> None:
        self.dataset = dataset
        self._arrays = arrays

    def has(self, name: str) -> bool:
        """Whether the file has the field."""
        return name in self._arrays or f"{name}s" in self._arrays

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a field of numbers.

        Raises:
            DataError: The file lacks it, or it holds no numbers.
        """
        return tuple(self._numbers(name).shape)

    def floats(self, name: str, rows: slice = ALL) -> Floats:
        """Return rows of a field as 32-bit floats.

        Raises:
            DataError: The file lacks it, or it holds no numbers.
        """
        array = self._numbers(name)
        part = array[rows] if array.shape else array[()]
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused
            return np.asarray(part, np.float32, order="C")

    def column(self, name: str, rows: slice = ALL) -> Floats:
        """Return a field of one number per row, stored as a vector or as one column."""
        array = self.floats(name, rows)
        return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array

    def ends(self, count: int) -> tuple[Flags, Flags]:
        """Return where the task ended and where episodes were merely cut, ``[count]`` each.

        Raises:
            DataError: The file has neither, or one has another length or is no flag.
        """
        if not self.has("terminal") and not self.has("timeout"):
            raise DataError(
                f"dataset {self.dataset!r} lacks both 'terminal' and 'timeout'{self._needed()}"
            )
        terminal, timeout = self.flags("terminal", count), self.flags("timeout", count)
        return terminal, timeout & ~terminal

    def flags(self, name: str, count: int) -> Flags:
        """Return a field of flags, ``[count]``; none is set where the file lacks it.

        Raises:
            DataError: It has another length or is no flag.
        """
        if not self.has(name):
            return np.zeros(count, np.bool_)
        column = self.column(name)
        if column.shape != (count,):
            raise DataError(
                f"dataset {self.dataset!r}: {name} must be a vector with {count} rows, one per "
                f"reward; its shape is {column.shape}"
            )
        if not np.isin(column, (0.0, 1.0)).all():
            raise DataError(f"dataset {self.dataset!r}: {name} must hold 0 and 1 only")
        return column.astype(np.bool_)

    def box(self, action: Floats) -> tuple[Floats, Floats]:
        """Return the bounds of actions: the file's, or -1 and 1 where they fit, or the range."""
        given = self.given_box()
        if given is not None:
            return given
        ones = np.ones(action.shape[1:], np.float32)
        low, high = _range(action)
        return (-ones, ones) if (low >= -1.0).all() and (high <= 1.0).all() else (low, high)

    def given_box(self) -> tuple[Floats, Floats] | None:
        """Return the bounds of actions that the file gives, if it gives both."""
        if not (self.has("action_low") and self.has("action_high")):
            return None
        return self.floats("action_low"), self.floats("action_high")

    def environment(self) -> EnvironmentSpec | None:
        """Return the environment that the file names, if any."""
        keys = "id, horizon, kwargs and observation_keys"
        return self._parsed("environment", EnvironmentSpec.of_json, keys)

    def reference(self) -> Reference | None:
        """Return the reference returns that the file gives, if any."""
        keys = "random_return, expert_return and source"
        return self._parsed("reference", _reference, keys)

    def _get(self, name: str) -> Any:
        return self._arrays[name] if name in self._arrays else self._arrays[f"{name}s"]

    def _numbers(self, name: str) -> Any:
        if not self.has(name):
            raise DataError(f"dataset {self.dataset!r} lacks the field {name!r}{self._needed()}")
        array = self._get(name)
        if array.dtype.kind not in _NUMBERS:
            raise DataError(
                f"dataset {self.dataset!r}: {name} must hold numbers; its type is {array.dtype}"
            )
        return array

    def _parsed(self, name: str, parse: Callable[[Mapping[str, Any]], T], keys: str) -> T | None:
        if not self.has(name):
            return None
        value = self._get(name)[()]
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        try:
            return parse(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise DataError(
                f"dataset {self.dataset!r}: {name} must be a JSON object with {keys}; got {text!r}"
            ) from None

    def _needed(self) -> str:
        names = ", ".join(sorted(self._arrays)) or "nothing"
        return f"; needed are observation, action, reward and terminal or timeout, it has {names}"


def _range(action: Floats) -> tuple[Floats, Floats]:
    seal = seal_of(action)
    if seal is not None:
        return seal.low, seal.high
    lows = [action[rows].min(axis=0) for rows in blocks(action)]
    highs = [action[rows].max(axis=0) for rows in blocks(action)]
    return np.min(lows, axis=0), np.max(highs, axis=0)


def _reference(value: Mapping[str, Any]) -> Reference:
    return Reference(
        random_return=float(value["random_return"]),
        expert_return=float(value["expert_return"]),
        source=str(value.get("source", "")),
    )
