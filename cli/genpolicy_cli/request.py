"""From what was typed to the recipe of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genpolicy.errors import OptionError

if TYPE_CHECKING:
    from genpolicy.composition.agent_recipe import AgentRecipe
    from genpolicy.composition.layers import Layer
    from genpolicy.discovery import Catalogue


def resolved_grid(
    catalogue: "Catalogue",
    *,
    named: Mapping[str, str | None],
    arguments: Sequence[str],
    config: Path | None,
    recipe: str | None,
    seed: int | None,
) -> "list[AgentRecipe]":
    """Return the recipes that a command line describes, one per value of its options.

    Args:
        catalogue: The installed parts.
        named: Parts by kind, where they were named.
        arguments: ``KIND.KEY=VALUE`` settings, some perhaps of several values.
        config: A TOML file of settings.
        recipe: A named recipe to start from.
        seed: The seed, if one was given.

    Raises:
        UsageError: They cannot be meant.
        PartError: A part cannot be had.
    """
    from genpolicy.composition.fit import check_fit
    from genpolicy.composition.grid import resolve_grid

    layers = _layers(named, arguments, config)
    found = resolve_grid(catalogue, layers, recipe=recipe, seed=seed)
    for each in found:
        check_fit(each, catalogue)
    return found


def named_recipe(recipe: "AgentRecipe") -> str | None:
    """Return the named recipe that some of the values came from."""
    origins = set(recipe.origins.values())
    names = [origin.partition(" ")[2] for origin in origins if origin.startswith("recipe ")]
    return names[0] if names else None


def _layers(
    named: Mapping[str, str | None], arguments: Sequence[str], config: Path | None
) -> "list[Layer]":
    from genpolicy.composition.layers import from_config

    return [*([from_config(config)] if config else []), _typed(named, arguments)]


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
