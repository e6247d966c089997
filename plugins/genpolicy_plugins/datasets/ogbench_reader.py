"""Reads a file of OGBench's, by OGBench's own conventions.

A trajectory of n steps is n + 1 rows: what follows a row is the next one, and the last row, which
the file marks by ``terminals``, is followed by nothing and holds no transition. A task pays and is
done by the state before a step. Where it is done, OGBench's mask is 0 and nothing is bootstrapped:
our terminal; where a trajectory merely stops, our time-out.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genpolicy.columns import NAMES, Columns
from genpolicy.dataset import Dataset, EnvironmentSpec
from genpolicy.errors import DataError
from genpolicy.evaluation import make_environment
from genpolicy.evaluation.ogbench_names import OGBENCH, OGBenchName, ogbench_spec
from genpolicy.storage import file_key, stored
from genpolicy_plugins.datasets.npz_fields import read_arrays
from genpolicy_plugins.datasets.references import reference_of

LAYOUT = 1
"""Counted up when the rows become others, so that no older cache is taken for newer data."""

_ROWS = 50_000
"""Rows that are looked at together."""

_FIELDS = ("observations", "actions", "terminals", "qpos")
_BUTTONS = "button_states"

_Arrays = dict[str, NDArray[Any]]


def read_ogbench(path: Path, name: OGBenchName) -> Dataset:
    """Read the transitions of a file with the rewards of a single task.

    Args:
        path: The file.
        name: Which task of which environment.

    Raises:
        DataError: The file is missing or not of OGBench's kind, or the task is unknown.
    """
    environment, _ = ogbench_spec(name.single)
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}")
    key = {"reader": "ogbench", "layout": LAYOUT, "task": name.single, **file_key(path)}
    key["version"] = environment.version

    def make() -> Iterator[Columns]:
        return _blocks(_checked(read_arrays(path), path), name, environment)

    return _dataset(stored(OGBENCH + name.single, key, make), name, environment)


def dataset_of(arrays: Mapping[str, NDArray[Any]], name: OGBenchName) -> Dataset:
    """Return the transitions of a file's arrays with the rewards of a single task.

    Raises:
        DataError: The task is unknown.
    """
    environment, _ = ogbench_spec(name.single)
    blocks = list(_blocks(arrays, name, environment))
    columns = {key: np.concatenate([getattr(b, key) for b in blocks]) for key in NAMES}
    return _dataset(Columns(**columns), name, environment)


def _dataset(columns: Columns, name: OGBenchName, environment: EnvironmentSpec) -> Dataset:
    size, title = columns.action.shape[1], OGBENCH + name.single
    return Dataset.of(
        columns,
        name=title,
        action_low=np.full(size, -1.0, np.float32),
        action_high=np.full(size, 1.0, np.float32),
        environment=environment,
        reference=reference_of(title),
    )


def _blocks(
    arrays: Mapping[str, NDArray[Any]], name: OGBenchName, spec: EnvironmentSpec
) -> Iterator[Columns]:
    """Yield the transitions, block by block."""
    last = arrays["terminals"].astype(np.bool_)
    rows = np.flatnonzero(~last)
    judge = _Judge(name, spec)
    try:
        judge.check_sizes(arrays)
        for start in range(0, len(rows), _ROWS):
            yield _block(arrays, last, rows[start : start + _ROWS], judge)
    finally:
        judge.close()


def _block(
    arrays: Mapping[str, NDArray[Any]],
    last: NDArray[np.bool_],
    rows: NDArray[np.intp],
    judge: "_Judge",
) -> Columns:
    states = {key: arrays[key][rows] for key in ("qpos", _BUTTONS) if key in arrays}
    reward, mask = judge(states)
    terminal = mask == 0.0
    return Columns(
        observation=arrays["observations"][rows].astype(np.float32),
        action=arrays["actions"][rows].astype(np.float32),
        reward=reward,
        next_observation=arrays["observations"][rows + 1].astype(np.float32),
        terminal=terminal,
        timeout=last[rows + 1] & ~terminal,
    )


class _Judge:
    """Says what a task pays in states, and where it is not done: 1, or 0 where it is."""

    def __init__(self, name: OGBenchName, spec: EnvironmentSpec) -> None:
        self._registered = name.registered
        self._environment = make_environment(spec)

    def __call__(self, states: _Arrays) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        from ogbench.relabel_utils import relabel_dataset

        relabel_dataset(self._registered, self._environment, states)
        return states["rewards"], states["masks"]

    def check_sizes(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Look whether a file can be of this environment.

        Raises:
            DataError: It observes or does something else.
        """
        seen, done = self._environment.observation_space, self._environment.action_space
        for field, space in (("observations", seen), ("actions", done)):
            if arrays[field].shape[1:] != space.shape:
                raise DataError(
                    f"the file's {field} have shape {arrays[field].shape[1:]}, those of OGBench's "
                    f"{self._registered!r} {space.shape}; name the environment that the file is of"
                )

    def close(self) -> None:
        self._environment.close()


def _checked(arrays: _Arrays, path: Path) -> _Arrays:
    """Return the arrays as they should be.

    Raises:
        DataError: One is missing, or they do not go together.
    """
    missing = [name for name in _FIELDS if name not in arrays]
    if missing:
        raise DataError(
            f"{str(path)!r} is no file of OGBench's: it lacks {', '.join(missing)}; a file of "
            "another kind can be read as npz:FILE.npz"
        )
    count = len(arrays["terminals"])
    used = {key: arrays[key] for key in (*_FIELDS, _BUTTONS) if key in arrays}
    if any(len(array) != count for array in used.values()):
        lengths = ", ".join(f"{key} {len(array)}" for key, array in used.items())
        raise DataError(f"{str(path)!r} has arrays of different lengths: {lengths}")
    if count == 0 or not arrays["terminals"][-1] or arrays["terminals"].all():
        raise DataError(
            f"{str(path)!r} must hold trajectories of two rows and more, each with terminals 1 in "
            "its last row"
        )
    return used
