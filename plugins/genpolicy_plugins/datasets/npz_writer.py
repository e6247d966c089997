"""Writes a dataset as the ``.npz`` file that the ``npz`` part reads back to the same arrays."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np

from genpolicy.dataset import Dataset
from genpolicy.errors import DataError
from genpolicy_plugins.datasets.successors import final_observations

_FINAL: Final = "final_observation"


def write_npz(dataset: Dataset, path: Path) -> None:
    """Write a dataset, whole or not at all; the same dataset gives the same bytes.

    Each observation is stored once where what follows a step is the next row of its episode.

    Raises:
        DataError: The file cannot be written there.
    """
    # Column by column, a goal that stays the same within an episode compresses to nothing.
    arrays: dict[str, Any] = {
        name: array if name == _FINAL else np.asfortranarray(array)
        for name, array in columns_to_write(dataset).items()
    }
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays, **facts_to_write(dataset))


def columns_to_write(dataset: Dataset) -> dict[str, Any]:
    """Return what a file holds of each step or episode, by the name of its field."""
    names = ["observation", "action", "reward", "terminal", "timeout"]
    final = final_observations(dataset)
    names += ["next_observation"] if final is None else []
    columns: dict[str, Any] = {name: getattr(dataset, name) for name in names}
    return columns if final is None else {**columns, _FINAL: final}


def facts_to_write(dataset: Dataset) -> dict[str, Any]:
    """Return what a file says of all steps, by the name of its field; texts are JSON."""
    facts: dict[str, Any] = {"action_low": dataset.action_low, "action_high": dataset.action_high}
    if dataset.environment is not None:
        facts["environment"] = json.dumps(dataset.environment.as_json())
    if dataset.reference is not None:
        facts["reference"] = json.dumps(attrs.asdict(dataset.reference))
    return facts


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to, which becomes the file if all goes well and vanishes if not.

    Raises:
        DataError: The file cannot be written there.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _flush(partial)
        partial.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{str(path)!r} cannot be written: {reason}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _flush(path: Path) -> None:
    """Have a file on the disk before it is renamed, or a power cut may leave its name alone."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())
