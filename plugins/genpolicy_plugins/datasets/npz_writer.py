"""Writes a dataset as the ``.npz`` file that the ``npz`` part reads back to the same arrays."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from genpolicy.dataset import Dataset
from genpolicy.errors import DataError
from genpolicy_plugins.datasets.successors import final_observations


def write_npz(dataset: Dataset, path: Path) -> None:
    """Write a dataset, whole or not at all; the same dataset gives the same bytes.

    Each observation is stored once where what follows a step is the next row of its episode.

    Raises:
        DataError: The file cannot be written there.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez_compressed(file, **_arrays(dataset))
        partial.replace(path)
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _arrays(dataset: Dataset) -> dict[str, Any]:
    names = ["observation", "action", "reward", "terminal", "timeout"]
    final = final_observations(dataset)
    names += ["next_observation"] if final is None else []
    # Column by column, a goal that stays the same compresses to nothing.
    arrays: dict[str, Any] = {name: np.asfortranarray(getattr(dataset, name)) for name in names}
    if final is not None:
        arrays["final_observation"] = final
    arrays |= {"action_low": dataset.action_low, "action_high": dataset.action_high}
    if dataset.environment is not None:
        arrays["environment"] = json.dumps(dataset.environment.as_json())
    if dataset.reference is not None:
        arrays["reference"] = json.dumps(attrs.asdict(dataset.reference))
    return arrays
