"""Measures the returns between which a dataset's scores can be normalised."""

from collections.abc import Mapping

import attrs

from genpolicy.dataset import Dataset, DatasetRecipe, Reference
from genpolicy.dataset_abilities import ReferenceDataset
from genpolicy.errors import DataError
from genpolicy.evaluation import Protocol
from genpolicy.evaluation.baselines import behaviour, score_random
from genpolicy.records import EvaluationRecord


def measure_references(
    recipe: DatasetRecipe, *, expert: DatasetRecipe | None = None, episodes: int | None = None
) -> dict[str, EvaluationRecord]:
    """Score the policies that a dataset's scores can refer to, by name.

    A dataset that knows such policies measures them itself. Of any other one they are
    ``"random"``, uniform actions in its environment, and ``"behaviour"``, read off its episodes.

    Args:
        recipe: The dataset.
        expert: Data whose episodes are an expert's; they become ``"expert"``.
        episodes: The default protocol's first so many; if ``None``, as many as the dataset's own
            measurement has, else the default protocol's.

    Returns:
        Records that tell scores where the dataset has a reference, or an expert was measured.

    Raises:
        DataError: The simulator cannot be had, the dataset names no environment, or the expert's
            data are of another one.
    """
    protocol = None if episodes is None else Protocol(episodes=episodes)
    data = _steps(recipe)
    measured = dict(_measure(recipe, data, protocol))
    if expert is not None:
        measured["expert"] = _told_by_expert(_steps(expert), data)
    between = data.reference or reference_between(measured)
    return {policy: _between(record, between) for policy, record in measured.items()}


def reference_between(measured: Mapping[str, EvaluationRecord]) -> Reference | None:
    """Return the reference that measured policies make, if an expert is among them.

    Raises:
        DataError: The expert's return is that of random actions.
    """
    if "expert" not in measured:
        return None
    low, high = (round(measured[name].return_.mean, 3) for name in ("random", "expert"))
    episodes = (len(measured[name].episodes) for name in ("random", "expert"))
    return Reference(
        random_return=low,
        expert_return=high,
        source="measured here: {} episodes of random actions, {} of an expert".format(*episodes),
    )


def _measure(
    recipe: DatasetRecipe, data: Dataset, protocol: Protocol | None
) -> Mapping[str, EvaluationRecord]:
    if isinstance(recipe, ReferenceDataset):
        return recipe.measure_reference(protocol)
    if data.environment is None:
        raise DataError(
            f"dataset {data.name!r} names no environment to measure returns in; name one with "
            "dataset.environment"
        )
    random = score_random(data.environment, protocol or Protocol())
    return {"random": random, "behaviour": behaviour(data)}


def _steps(recipe: DatasetRecipe) -> Dataset:
    """Return the data in single steps, with the rewards of the environment."""
    return attrs.evolve(recipe, reward="as-is", n_step=1, chunk=1, normalise=False).prepare()


def _told_by_expert(expert: Dataset, data: Dataset) -> EvaluationRecord:
    """Return the expert's episodes as a record, in the environment of the data."""
    assert data.environment is not None
    own, others = data.environment.id, expert.environment
    if others is not None and others.id != own:
        raise DataError(
            f"dataset {expert.name!r} is of the environment {others.id!r}, {data.name!r} of "
            f"{own!r}; an expert for it must have acted there"
        )
    return behaviour(attrs.evolve(expert, environment=data.environment))


def _between(record: EvaluationRecord, reference: Reference | None) -> EvaluationRecord:
    """Return an evaluation that is scored between these returns, if there are any."""
    return attrs.evolve(
        record,
        random_return=reference.random_return if reference else None,
        expert_return=reference.expert_return if reference else None,
    )
