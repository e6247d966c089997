"""Several datasets of one task as one: ``d4rl:hopper-medium-v2+d4rl:hopper-expert-v2``."""

from collections.abc import Sequence
from typing import Any, ClassVar

import attrs
import numpy as np
from numpy.typing import NDArray

from genpolicy.composition.choosing import choose_part
from genpolicy.dataset import Dataset, DatasetRecipe
from genpolicy.discovery import load_catalogue
from genpolicy.errors import DataError
from genpolicy.recipe import option

_COLUMNS = ("observation", "action", "reward", "next_observation", "terminal", "timeout")


@attrs.frozen(kw_only=True)
class Merge(DatasetRecipe):
    """Several datasets, one after the other; the first says where agents are scored."""

    argument: ClassVar[str | None] = "sources"

    sources: str = option("", help="datasets joined by +, such as npz:a.npz+npz:b.npz")

    def load(self) -> Dataset:
        """Return the transitions of all, in the order in which they are named."""
        names = self.sources.split("+")
        if len(names) < 2 or not all(names):
            raise DataError(
                f"dataset 'merge' needs two datasets or more, as A+B; got {self.sources!r}"
            )
        found = load_catalogue()
        parts = [choose_part(found, "dataset", name, {}).recipe for name in names]
        return merged(f"merge:{self.sources}", [_loaded(part) for part in parts])


def merged(name: str, parts: Sequence[Dataset]) -> Dataset:
    """Return datasets of one task as one; the last episode of each ends with it.

    Args:
        name: What to call it.
        parts: The datasets.

    Raises:
        DataError: They observe or do different things, or are scored in different environments.
    """
    first = parts[0]
    for other in parts[1:]:
        _check_alike(first, other)
    joined: dict[str, Any] = {
        column: np.concatenate([_column(part, column) for part in parts]) for column in _COLUMNS
    }
    return attrs.evolve(first, name=name, **joined, origin=None)


def _loaded(part: object) -> Dataset:
    assert isinstance(part, DatasetRecipe)
    return part.load()


def _column(part: Dataset, name: str) -> NDArray[Any]:
    if name == "timeout":
        return part.ends & ~part.terminal
    column: NDArray[Any] = getattr(part, name)
    return column


def _check_alike(first: Dataset, other: Dataset) -> None:
    for what, one, two in (
        ("observations of shape", first.observation.shape[1:], other.observation.shape[1:]),
        ("actions of shape", first.action.shape[1:], other.action.shape[1:]),
        ("actions from", first.action_low.tolist(), other.action_low.tolist()),
        ("actions up to", first.action_high.tolist(), other.action_high.tolist()),
        ("the environment", _environment(first), _environment(other)),
    ):
        if one != two:
            raise DataError(
                f"datasets {first.name!r} and {other.name!r} cannot be merged: {what} {one} and "
                f"{two}; only data of one task can"
            )


def _environment(data: Dataset) -> str:
    return data.environment.id if data.environment else "none"
