"""Minari's datasets, local or downloaded, in HDF5 storage (Younis et al. 2024).

Dictionary observations are flattened entry by entry; of a goal environment's three entries,
``achieved_goal`` repeats what ``observation`` tells and is left out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import attrs
import numpy as np

from genpolicy.columns import Columns
from genpolicy.dataset import Dataset, DatasetRecipe, Floats
from genpolicy.dataset_abilities import WritableDataset
from genpolicy.errors import DataError
from genpolicy.evaluation import observation_keys
from genpolicy.recipe import option
from genpolicy.storage import file_key, stored
from genpolicy_plugins.datasets.minari_metadata import environment_of, returns_of
from genpolicy_plugins.datasets.minari_source import open_minari
from genpolicy_plugins.datasets.minari_writer import write_minari

if TYPE_CHECKING:
    from minari import MinariDataset
    from minari.dataset.minari_storage import MinariStorage

_LAYOUT: Final = 1
"""Counted up when the same file is read in another way, so that nothing stored is taken for it."""

_ROWS: Final = 16_384
"""How many rows of an episode are converted at once."""

_OPENED: Final = 100
"""How many episodes are read before the file is closed and opened again."""


@attrs.frozen(kw_only=True)
class Minari(DatasetRecipe, WritableDataset):
    """Transitions from a Minari dataset."""

    argument: ClassVar[str | None] = "id"

    id: str = option("", help="Minari's id, such as D4RL/pointmaze/umaze-v2 or hf://USER/NAME-v0")

    def load(self) -> Dataset:
        """Return the dataset's transitions, downloading it where it is not there yet."""
        self._check_id()
        source = None
        try:
            source = open_minari(self.id)
            return read_minari(source, name=f"minari:{self.id}")
        except DataError:
            raise
        except Exception as error:  # whatever a foreign file makes Minari raise
            where = "" if source is None else f" (it lies in {source.storage.data_path.parent})"
            raise DataError(f"Minari dataset {self.id!r} cannot be read{where}: {error}") from error

    def write(self, dataset: Dataset) -> None:
        """Write a dataset to Minari's local folder; an id that is taken is refused."""
        self._check_id()
        if not re.fullmatch(r"([\w-][\w/-]*[\w-]/)?[\w-]+-v\d+", self.id):
            raise DataError(
                "a Minari id reads NAMESPACE/NAME-v0, with its version at the end and a namespace "
                f"of two letters or more, if any; got {self.id!r}"
            )
        write_minari(dataset, self.id)

    def _check_id(self) -> None:
        if not self.id:
            raise DataError("dataset 'minari' needs an id: minari:NAMESPACE/NAME-v0")


def read_minari(source: "MinariDataset", *, name: str) -> Dataset:
    """Return all transitions of an opened Minari dataset, whichever of its episodes are selected.

    Args:
        source: The dataset.
        name: What to call it.

    Raises:
        DataError: It holds no episodes, or no observations and actions that are vectors.
    """
    storage = source.storage
    if storage.FORMAT != "hdf5":
        raise DataError(
            f"Minari dataset {source.id!r} is stored as {storage.FORMAT}, which cuts long "
            "episodes short; only HDF5 storage is read"
        )
    keys = observation_keys(source.observation_space, who=f"Minari dataset {source.id!r}")
    low, high = _box(source)
    file = file_key(storage.data_path / "main_data.hdf5")
    key = {"reader": "minari", "layout": _LAYOUT, "entries": " ".join(keys), **file}
    columns = stored(name, key, lambda: _blocks(source, keys))
    ends = np.flatnonzero(columns.terminal | columns.timeout)
    return Dataset.of(
        columns,
        name=name,
        action_low=low,
        action_high=high,
        environment=environment_of(source, keys, int(np.diff(ends, prepend=-1).max())),
        reference=returns_of(source, name),
    )


def _blocks(source: "MinariDataset", keys: Sequence[str]) -> Iterator[Columns]:
    """Yield the transitions episode by episode, long ones in pieces."""
    storage = source.storage
    if storage.total_steps == 0:
        raise DataError(f"Minari dataset {source.id!r} has no episodes")
    for episode in _episodes(storage):
        steps, observed = len(episode["rewards"]), episode["observations"]
        entries = [observed[key] for key in keys] if keys else [observed]
        if any(len(entry) != steps + 1 for entry in entries):
            raise DataError(
                f"Minari dataset {source.id!r}: episode {episode['id']} has {steps} steps, but "
                f"{len(entries[0])} observations in place of {steps + 1}"
            )
        for start in range(0, steps, _ROWS):
            yield _block(episode, entries, start, min(start + _ROWS, steps))


def _episodes(storage: "MinariStorage") -> Iterator[Mapping[str, Any]]:
    """Yield the episodes, closing the file now and then: it keeps tables of all it has read."""
    count = storage.total_episodes
    for start in range(0, count, _OPENED):
        yield from storage.get_episodes(range(start, min(start + _OPENED, count)))


def _block(episode: Mapping[str, Any], entries: Sequence[Any], start: int, stop: int) -> Columns:
    """Return the steps of an episode from ``start`` to ``stop``; its last step ends it."""
    rows, last = slice(start, stop), stop == len(episode["rewards"])
    seen = np.concatenate([_rows(entry[start : stop + 1]) for entry in entries], axis=1)
    terminal = np.asarray(episode["terminations"][rows], np.bool_)
    timeout = np.asarray(episode["truncations"][rows], np.bool_) & ~terminal
    if last:
        timeout[-1] = not terminal[-1]
    return Columns(
        observation=seen[:-1],
        action=_rows(episode["actions"][rows]),
        reward=np.asarray(episode["rewards"][rows], np.float32),
        next_observation=seen[1:],
        terminal=terminal,
        timeout=timeout,
    )


def _rows(array: Any) -> Floats:
    return np.asarray(array, np.float32).reshape(len(array), -1)


def _box(source: "MinariDataset") -> tuple[Floats, Floats]:
    from gymnasium import spaces

    space: Any = source.action_space
    if not isinstance(space, spaces.Box) or not space.is_bounded():
        raise DataError(
            f"Minari dataset {source.id!r} takes actions {space}; only continuous actions between "
            "bounds can be learnt"
        )
    return space.low.ravel().astype(np.float32), space.high.ravel().astype(np.float32)
