"""Minari's datasets, local or downloaded, in HDF5 storage (Younis et al. 2024).

Dictionary observations are flattened entry by entry; of a goal environment's three entries,
``achieved_goal`` repeats what ``observation`` tells and is left out.
"""

import contextlib
import os
import re
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from genpolicy.dataset import Dataset, DatasetRecipe, Floats
from genpolicy.dataset_abilities import WritableDataset
from genpolicy.errors import DataError
from genpolicy.recipe import option
from genpolicy_plugins.datasets.minari_metadata import environment_of, reference_of
from genpolicy_plugins.datasets.minari_writer import write_minari

if TYPE_CHECKING:
    import gymnasium
    from minari import EpisodeData, MinariDataset

_REPEATED = "achieved_goal"


@attrs.frozen(kw_only=True)
class Minari(DatasetRecipe, WritableDataset):
    """Transitions from a Minari dataset."""

    argument: ClassVar[str | None] = "id"

    id: str = option("", help="Minari's id, such as D4RL/pointmaze/umaze-v2")
    horizon: int | None = option(
        None, help="steps after which evaluation episodes are cut; the dataset's own if none", ge=1
    )

    def load(self) -> Dataset:
        """Return the dataset's transitions, downloading it where it is not there yet."""
        self._check_id()
        try:
            return read_minari(_open(self.id), horizon=self.horizon)
        except DataError:
            raise
        except Exception as error:  # whatever a foreign file makes Minari raise
            raise DataError(f"Minari dataset {self.id!r} cannot be read: {error}") from error

    def write(self, dataset: Dataset) -> None:
        """Write a dataset to Minari's local folder; an id that is taken is refused."""
        self._check_id()
        if not re.fullmatch(r"([\w-]+/)*[\w-]+-v\d+", self.id):
            raise DataError(
                f"a Minari id reads NAMESPACE/NAME-v0, with its version at the end; got {self.id!r}"
            )
        write_minari(dataset, self.id)

    def _check_id(self) -> None:
        if not self.id:
            raise DataError("dataset 'minari' needs an id: minari:NAMESPACE/NAME-v0")


def read_minari(source: "MinariDataset", *, horizon: int | None = None) -> Dataset:
    """Return the transitions of an opened Minari dataset.

    Args:
        source: The dataset.
        horizon: Steps after which evaluation episodes are cut; the dataset's own if ``None``.

    Raises:
        DataError: It holds no episodes, or no observations and actions that are vectors.
    """
    if source.storage.FORMAT != "hdf5":
        raise DataError(
            f"Minari dataset {source.id!r} is stored as {source.storage.FORMAT}, which cuts long "
            "episodes short; only HDF5 storage is read"
        )
    keys = _observation_keys(source)
    low, high = _box(source)
    episodes = [_Episode.of(episode, keys) for episode in source.iterate_episodes()]
    episodes = [episode for episode in episodes if len(episode.reward)]
    if not episodes:
        raise DataError(f"Minari dataset {source.id!r} has no episodes")
    longest = max(len(episode.reward) for episode in episodes)
    return Dataset(
        name=f"minari:{source.id}",
        observation=np.concatenate([episode.observation[:-1] for episode in episodes]),
        action=np.concatenate([episode.action for episode in episodes]),
        reward=np.concatenate([episode.reward for episode in episodes]),
        next_observation=np.concatenate([episode.observation[1:] for episode in episodes]),
        terminal=np.concatenate([episode.terminal for episode in episodes]),
        timeout=np.concatenate([episode.timeout for episode in episodes]),
        action_low=low,
        action_high=high,
        environment=environment_of(source, keys, horizon, longest),
        reference=reference_of(source),
    )


@attrs.frozen(eq=False)
class _Episode:
    observation: Floats
    action: Floats
    reward: Floats
    terminal: Any
    timeout: Any

    @classmethod
    def of(cls, episode: "EpisodeData", keys: Sequence[str]) -> "_Episode":
        terminal = np.asarray(episode.terminations, np.bool_)
        timeout = np.asarray(episode.truncations, np.bool_) & ~terminal
        timeout[-1:] = ~terminal[-1:]
        entries = [episode.observations[key] for key in keys] if keys else [episode.observations]
        return cls(
            np.concatenate([_rows(entry) for entry in entries], axis=1),
            _rows(episode.actions),
            np.asarray(episode.rewards, np.float32),
            terminal,
            timeout,
        )


def _rows(array: Any) -> Floats:
    return np.asarray(array, np.float32).reshape(len(array), -1)


def _observation_keys(source: "MinariDataset") -> tuple[str, ...]:
    """Return the entries that make up an observation, none where it is an array already."""
    from gymnasium import spaces

    space = source.observation_space
    if isinstance(space, spaces.Box):
        return ()
    entries = dict(space.spaces) if isinstance(space, spaces.Dict) else {}
    if "observation" in entries and "desired_goal" in entries:
        rest = sorted(set(entries) - {"observation", "desired_goal", _REPEATED})
        keys = ("observation", "desired_goal", *rest)
    else:
        keys = tuple(entries)
    if not keys or not all(isinstance(entries[key], spaces.Box) for key in keys):
        raise DataError(
            f"Minari dataset {source.id!r} observes {space}; only arrays and dictionaries of "
            "arrays can be read"
        )
    return keys


def _box(source: "MinariDataset") -> tuple[Floats, Floats]:
    from gymnasium import spaces

    space: gymnasium.Space[Any] = source.action_space
    if not isinstance(space, spaces.Box) or not space.is_bounded():
        raise DataError(
            f"Minari dataset {source.id!r} takes actions {space}; only continuous actions between "
            "bounds can be learnt"
        )
    return space.low.ravel().astype(np.float32), space.high.ravel().astype(np.float32)


def _open(dataset_id: str) -> "MinariDataset":
    import minari

    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return minari.load_dataset(dataset_id)
        except FileNotFoundError:
            _download(dataset_id)
        return minari.load_dataset(dataset_id)


def _download(dataset_id: str) -> None:
    import minari

    try:
        if os.environ.get("MINARI_REMOTE") is None:
            _reach_host()
        minari.download_dataset(dataset_id)
    except Exception as error:
        raise DataError(
            f"Minari dataset {dataset_id!r} is not on this machine and cannot be downloaded "
            f"({error}); on this machine are: {_local()}"
        ) from error


def _reach_host() -> None:
    """Ask the host once: Minari itself would try for half a minute before it gave up."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=10)
    except Exception as error:
        raise ConnectionError(f"{constants.ENDPOINT} does not answer: {error}") from error


def _local() -> str:
    import minari

    try:
        return ", ".join(sorted(minari.list_local_datasets())) or "none"
    except Exception as error:  # a folder without a version makes Minari fail for all of them
        return f"some that Minari cannot list ({error})"
