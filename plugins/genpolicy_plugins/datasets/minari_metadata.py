"""What a Minari dataset says of its environment and of its reference returns."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genpolicy.dataset import EnvironmentSpec, Reference
from genpolicy_plugins.datasets.references import reference_of

if TYPE_CHECKING:
    from minari import MinariDataset

_ENDLESS = 10_000
"""A limit beyond this many steps belongs to the making of the data, not to its evaluation."""


def environment_of(
    source: "MinariDataset", keys: Sequence[str], longest: int
) -> EnvironmentSpec | None:
    """Return where policies can be scored: the evaluation environment, or the data's own.

    Args:
        source: The dataset.
        keys: The entries of a dictionary observation that the data was flattened from.
        longest: The longest episode's length, for an environment without a sensible limit.

    Returns:
        ``None`` where no environment is named, or one behind wrappers that change it.
    """
    metadata = source.storage.metadata
    text = metadata.get("eval_env_spec") or metadata.get("env_spec")
    spec: Mapping[str, Any] = json.loads(text) if text else {}
    if not spec or spec.get("additional_wrappers"):
        return None
    limit = spec.get("max_episode_steps")
    return EnvironmentSpec(
        id=_importable(spec),
        kwargs=spec.get("kwargs", {}),
        observation_keys=tuple(keys),
        horizon=limit if limit and limit <= _ENDLESS else longest,
    )


def returns_of(source: "MinariDataset", name: str) -> Reference | None:
    """Return the reference returns in the dataset's metadata, else those that our table has.

    Args:
        source: The dataset.
        name: What the table calls it.
    """
    metadata = source.storage.metadata
    low, high = metadata.get("ref_min_score"), metadata.get("ref_max_score")
    if low is None or high is None or float(low) == float(high):
        return reference_of(name.replace(":hf://farama-minari/", ":"))
    return Reference(
        random_return=float(low),
        expert_return=float(high),
        source=f"ref_min_score and ref_max_score of Minari dataset {source.id}",
    )


def _importable(spec: Mapping[str, Any]) -> str:
    """Return the environment's id with the package that registers it."""
    name = str(spec["id"])
    package = str(spec.get("entry_point") or "").partition(":")[0].partition(".")[0]
    return name if package in ("", "gymnasium") or ":" in name else f"{package}:{name}"
