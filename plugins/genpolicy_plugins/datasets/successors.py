"""What was seen after each step, where the data holds every observation once."""

import attrs
import numpy as np

from genpolicy.dataset import Dataset, Flags, Floats
from genpolicy.errors import DataError


def with_successors(dataset: Dataset, final_observation: Floats | None) -> Dataset:
    """Return the dataset with each step followed by the next row of its episode.

    Args:
        dataset: Data whose ``next_observation`` is not known yet.
        final_observation: What was seen after each episode's last step,
            ``[episode, observation]``. Without it a terminal step is followed by itself (nothing is
            bootstrapped from there), and a last step that is no terminal is dropped.

    Raises:
        DataError: There is not one final observation per episode, or no step is left.
    """
    ends = _ends(dataset)
    following = np.roll(dataset.observation, -1, axis=0)
    if final_observation is None:
        following[ends] = dataset.observation[ends]
        return _without_loose_ends(attrs.evolve(dataset, next_observation=following), ends)
    expected = (int(ends.sum()), dataset.observation.shape[1])
    if final_observation.shape != expected:
        raise DataError(
            f"dataset {dataset.name!r}: final_observation must have shape {expected}, one row per "
            f"episode; its shape is {final_observation.shape}"
        )
    following[ends] = final_observation
    return attrs.evolve(dataset, next_observation=following)


def final_observations(dataset: Dataset) -> Floats | None:
    """Return what was seen after each episode's last step, ``[episode, observation]``.

    Returns:
        ``None`` where some other step is followed by something else than its episode's next row, so
        that ``next_observation`` cannot be derived.
    """
    ends = _ends(dataset)
    rows = np.flatnonzero(~ends)
    if not np.array_equal(dataset.next_observation[rows], dataset.observation[rows + 1]):
        return None
    return dataset.next_observation[ends]


def _ends(dataset: Dataset) -> Flags:
    ends = dataset.terminal | dataset.timeout
    ends[-1] = True
    return ends


def _without_loose_ends(dataset: Dataset, ends: Flags) -> Dataset:
    """Drop the steps whose successor nobody knows; the steps before them become the cuts."""
    loose = ends & ~dataset.terminal
    if loose.all():
        raise DataError(
            f"dataset {dataset.name!r} has no step with a known successor: its episodes are one "
            "step long; give next_observation or final_observation"
        )
    cut = np.roll(loose, -1) & ~ends
    rows = ~loose
    return attrs.evolve(
        dataset,
        observation=dataset.observation[rows],
        action=dataset.action[rows],
        reward=dataset.reward[rows],
        next_observation=dataset.next_observation[rows],
        terminal=dataset.terminal[rows],
        timeout=cut[rows],
    )
