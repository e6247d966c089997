"""From what was typed to the recipe of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genpolicy.errors import OptionError

if TYPE_CHECKING:
    from genpolicy.composition.agent_recipe import AgentRecipe
    from genpolicy.composition.layers import Layer
    from genpolicy.discovery import Catalogue


def resolved(
    catalogue: "Catalogue",
    *,
    named: Mapping[str, str | None],
    arguments: Sequence[str],
    config: Path | None,
    recipe: str | None,
    seed: int | None,
) -> "AgentRecipe":
    """Return the recipe that a command line describes, checked to fit.

    Args:
        catalogue: The installed parts.
        named: Parts by kind, where they were named.
        arguments: ``KIND.KEY=VALUE`` settings.
        config: A TOML file of settings.
        recipe: A named recipe to start from.
        seed: The seed, if one was given.

    Raises:
        UsageError: It cannot be meant.
        PartError: A part cannot be had.
    """
    from genpolicy.composition.fit import check_fit
    from genpolicy.composition.layers import from_config
    from genpolicy.composition.resolve import resolve

    layers = [from_config(config)] if config else []
    layers.append(_typed(named, arguments))
    found = resolve(catalogue, layers, recipe=recipe, seed=seed)
    check_fit(found, catalogue)
    return found


def named_recipe(recipe: "AgentRecipe") -> str | None:
    """Return the named recipe that some of the values came from."""
    origins = set(recipe.origins.values())
    names = [origin.partition(" ")[2] for origin in origins if origin.startswith("recipe ")]
    return names[0] if names else None


def _typed(named: Mapping[str, str | None], arguments: Sequence[str]) -> "Layer":
    from genpolicy.composition.layers import Layer, from_arguments

    typed = from_arguments(arguments)
    values = {kind: name for kind, name in named.items() if name is not None}
    for kind, name in values.items():
        if typed.values.get(kind, name) != name:
            raise OptionError(
                f"{kind} is named twice: --{kind} {name} and {kind}={typed.values[kind]}"
            )
    return Layer(typed.origin, {**values, **typed.values})
