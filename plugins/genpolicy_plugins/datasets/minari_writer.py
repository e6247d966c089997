"""Writes a dataset as a local Minari dataset, which the ``minari`` part reads back unchanged."""

import contextlib
import shutil
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from genpolicy.dataset import Dataset, Floats
from genpolicy.errors import DataError
from genpolicy.evaluation import make_environment
from genpolicy_plugins.datasets.successors import final_observations

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec
    from minari.data_collector import EpisodeBuffer

_Parts = dict[str, int]


def write_minari(dataset: Dataset, dataset_id: str) -> None:
    """Write a dataset to Minari's local folder, in HDF5, whole or not at all.

    Args:
        dataset: The transitions; steps must follow one another within each episode.
        dataset_id: Minari's id to be, such as ``"pointmaze/umaze-v0"``.

    Raises:
        DataError: The id is taken or unfit, or the steps do not follow one another.
    """
    import minari
    from gymnasium import spaces

    parts, spec = _layout(dataset)
    reference = dataset.reference
    with warnings.catch_warnings(), _nothing_left_of(dataset_id):
        warnings.simplefilter("ignore")
        try:
            minari.create_dataset_from_buffers(
                dataset_id,
                list(_buffers(dataset, parts)),
                eval_env=spec,
                observation_space=_space(dataset, parts),
                action_space=spaces.Box(dataset.action_low, dataset.action_high),
                ref_min_score=reference.random_return if reference and spec else None,
                ref_max_score=reference.expert_return if reference and spec else None,
                data_format="hdf5",
            )
        except (ValueError, OSError) as error:
            raise DataError(f"Minari dataset {dataset_id!r} cannot be written: {error}") from error


@contextlib.contextmanager
def _nothing_left_of(dataset_id: str) -> Iterator[None]:
    """Remove what there is of a new dataset when it cannot be written: it could not be read."""
    from minari.storage import get_dataset_path

    folder = get_dataset_path(dataset_id)
    taken = folder.exists()
    try:
        yield
    except BaseException:
        if not taken:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _layout(dataset: Dataset) -> "tuple[_Parts, EnvSpec | None]":
    """Return the sizes of the entries of an observation, and the environment's specification.

    One that Gymnasium does not make has none that Minari could hold.
    """
    if dataset.environment is None or dataset.environment.factory != "gymnasium":
        return {}, None
    environment = make_environment(dataset.environment)
    space: Any = environment.observation_space
    sizes = {key: int(np.prod(space[key].shape)) for key in dataset.environment.observation_keys}
    environment.close()
    return sizes, environment.spec


def _space(dataset: Dataset, parts: _Parts) -> Any:
    from gymnasium import spaces

    def box(size: int) -> spaces.Box:
        return spaces.Box(-np.inf, np.inf, (size,), np.float32)

    if not parts:
        return box(dataset.observation.shape[1])
    return spaces.Dict({key: box(size) for key, size in parts.items()})


def _buffers(dataset: Dataset, parts: _Parts) -> "Iterator[EpisodeBuffer]":
    from minari.data_collector import EpisodeBuffer

    final = final_observations(dataset)
    if final is None:
        raise DataError(
            f"dataset {dataset.name!r} cannot be written for Minari: some step is followed by "
            "something else than its episode's next one"
        )
    ends = np.flatnonzero(dataset.terminal | dataset.timeout) + 1
    stops = ends if len(ends) and ends[-1] == len(dataset) else np.append(ends, len(dataset))
    for number, (start, stop) in enumerate(zip(np.append(0, stops[:-1]), stops, strict=True)):
        rows = slice(int(start), int(stop))
        observation = np.concatenate([dataset.observation[rows], final[number : number + 1]])
        yield EpisodeBuffer(
            id=number,
            observations=_split(observation, parts),
            actions=dataset.action[rows],
            rewards=dataset.reward[rows],
            terminations=dataset.terminal[rows],
            truncations=dataset.timeout[rows],
        )


def _split(observation: Floats, parts: _Parts) -> Any:
    if not parts:
        return observation
    places = np.cumsum(list(parts.values()))[:-1]
    return dict(zip(parts, np.split(observation, places, axis=1), strict=True))
