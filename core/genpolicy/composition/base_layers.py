"""What lies under a user's own settings: the defaults, an objective's parts, a named recipe."""

from collections.abc import Sequence
from typing import Any, Final

from genpolicy.composition.choosing import split_name
from genpolicy.composition.layers import Layer
from genpolicy.composition.named_recipe import NamedRecipe, read_recipe
from genpolicy.dataset import DatasetRecipe
from genpolicy.discovery import Catalogue, PartEntry
from genpolicy.errors import OptionError
from genpolicy.objective import Objective

DEFAULTS: Final = Layer(
    "default",
    {
        "dataset": "pointmaze/umaze",
        "objective": "gmpg",
        "backbone": "flow",
        "network": "temporal-spatial-residual",
        "critic": "iql",
        "inference": "sample",
    },
)
"""The parts of an agent of which nothing is said."""


def base_layers(
    catalogue: Catalogue, layers: Sequence[Layer], recipe: str | None
) -> tuple[Layer, ...]:
    """Return what lies under a user's own settings, the later over the earlier.

    Args:
        catalogue: The installed parts.
        layers: The user's settings.
        recipe: As in :func:`genpolicy.composition.resolve.resolve`.

    Raises:
        OptionError: A recipe for data of its own names no dataset, and neither does the user.
        UnknownPartError: Nobody provides a part that is named.
        BrokenPartError: A part that is named cannot be loaded.
    """
    named = {
        key.removesuffix(".name"): layer.values[key] for layer in layers for key in layer.values
    }
    asked = _objective(catalogue, named.get("objective"))
    if recipe is None:
        dataset = str(named.get("dataset", DEFAULTS.values["dataset"]))
        entry = catalogue.find("dataset", split_name(dataset)[0])
        recipe = catalogue.load(entry, DatasetRecipe).default_recipe
    if recipe in (None, "none"):
        used = asked or catalogue.find("objective", str(DEFAULTS.values["objective"]))
        return DEFAULTS, _known_with(catalogue, used)
    found = read_recipe(catalogue, catalogue.find("recipe", recipe))
    if "dataset" not in named:
        _refuse_without_dataset(found)
    own = _objective(catalogue, found.objective)
    other = None if asked == own or asked is None else asked.spec.name
    name, layer = found.layer(other, str(DEFAULTS.values["objective"]))
    used = asked or own or catalogue.find("objective", name)
    return DEFAULTS, _known_with(catalogue, used), layer


def _refuse_without_dataset(recipe: NamedRecipe) -> None:
    """Refuse to train on the default dataset with settings for another one that cannot be had."""
    if recipe.data and recipe.dataset is None:
        raise OptionError(
            f"recipe {recipe.name} names no dataset: its settings are for {recipe.data}, which "
            "no dataset here holds; name yours with --dataset"
        )


def _objective(catalogue: Catalogue, name: Any) -> PartEntry | None:
    """Return the objective that a name means, however it is written; ``None`` without one."""
    return None if name is None else catalogue.find("objective", split_name(str(name))[0])


def _known_with(catalogue: Catalogue, entry: PartEntry) -> Layer:
    """Return the settings that an objective is known with."""
    return Layer(f"objective {entry.spec.name}", catalogue.load(entry, Objective).defaults)
