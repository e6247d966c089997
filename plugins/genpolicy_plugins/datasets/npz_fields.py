"""The arrays of an ``.npz`` file, checked one by one as they are asked for."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from genpolicy.dataset import EnvironmentSpec, Flags, Floats, Reference
from genpolicy.errors import DataError

Array = NDArray[Any]
T = TypeVar("T")

_NUMBERS = "biuf"


def read_arrays(path: Path) -> dict[str, Array]:
    """Return the arrays of a file; pickled objects are never read.

    Raises:
        DataError: There is no such file, or it is not an ``.npz`` file of plain arrays.
    """
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
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
        arrays: The file's arrays by name.
    """

    def __init__(self, dataset: str, arrays: Mapping[str, Array]) -> None:
        self._dataset = dataset
        self._arrays = arrays

    def has(self, name: str) -> bool:
        """Whether the file has the field."""
        return name in self._arrays or f"{name}s" in self._arrays

    def floats(self, name: str) -> Floats:
        """Return a field as 32-bit floats.

        Raises:
            DataError: The file lacks it, or it holds no numbers.
        """
        if not self.has(name):
            raise DataError(f"dataset {self._dataset!r} lacks the field {name!r}{self._needed()}")
        array = self._get(name)
        if array.dtype.kind not in _NUMBERS:
            raise DataError(
                f"dataset {self._dataset!r}: {name} must hold numbers; its type is {array.dtype}"
            )
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused
            return np.ascontiguousarray(array, np.float32)

    def column(self, name: str) -> Floats:
        """Return a field of one number per row, stored as a vector or as one column."""
        array = self.floats(name)
        return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array

    def ends(self, count: int) -> tuple[Flags, Flags]:
        """Return where the task ended and where episodes were merely cut, ``[count]`` each.

        Raises:
            DataError: The file has neither, or one has another length or is no flag.
        """
        if not self.has("terminal") and not self.has("timeout"):
            raise DataError(
                f"dataset {self._dataset!r} lacks both 'terminal' and 'timeout'{self._needed()}"
            )
        terminal, timeout = self._flags("terminal", count), self._flags("timeout", count)
        return terminal, timeout & ~terminal

    def box(self, action: Floats) -> tuple[Floats, Floats]:
        """Return the bounds of actions: the file's, or -1 and 1 where they fit, or the range."""
        if self.has("action_low") and self.has("action_high"):
            return self.floats("action_low"), self.floats("action_high")
        ones = np.ones(action.shape[1:], np.float32)
        finite = action[np.isfinite(action).all(axis=tuple(range(1, action.ndim)))]
        if (np.abs(finite) <= 1.0).all():
            return -ones, ones
        return finite.min(axis=0), finite.max(axis=0)

    def environment(self) -> EnvironmentSpec | None:
        """Return the environment that the file names, if any."""
        keys = "id, horizon, kwargs and observation_keys"
        return self._parsed("environment", _environment, keys)

    def reference(self) -> Reference | None:
        """Return the reference returns that the file gives, if any."""
        keys = "random_return, expert_return and source"
        return self._parsed("reference", _reference, keys)

    def _get(self, name: str) -> Array:
        return self._arrays[name] if name in self._arrays else self._arrays[f"{name}s"]

    def _flags(self, name: str, count: int) -> Flags:
        if not self.has(name):
            return np.zeros(count, np.bool_)
        column = self.column(name)
        if column.shape != (count,):
            raise DataError(
                f"dataset {self._dataset!r}: {name} must be a vector with {count} rows, one per "
                f"reward; its shape is {column.shape}"
            )
        if not np.isin(column, (0.0, 1.0)).all():
            raise DataError(f"dataset {self._dataset!r}: {name} must hold 0 and 1 only")
        return column.astype(np.bool_)

    def _parsed(self, name: str, parse: Callable[[Mapping[str, Any]], T], keys: str) -> T | None:
        if not self.has(name):
            return None
        text = str(self._get(name))
        try:
            return parse(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise DataError(
                f"dataset {self._dataset!r}: {name} must be a JSON object with {keys}; got {text!r}"
            ) from None

    def _needed(self) -> str:
        names = ", ".join(sorted(self._arrays)) or "nothing"
        return f"; needed are observation, action, reward and terminal or timeout, it has {names}"


def _environment(value: Mapping[str, Any]) -> EnvironmentSpec:
    return EnvironmentSpec(
        id=str(value["id"]),
        kwargs=dict(value.get("kwargs", {})),
        observation_keys=tuple(value.get("observation_keys", ())),
        horizon=int(value["horizon"]),
    )


def _reference(value: Mapping[str, Any]) -> Reference:
    return Reference(
        random_return=float(value["random_return"]),
        expert_return=float(value["expert_return"]),
        source=str(value.get("source", "")),
    )
