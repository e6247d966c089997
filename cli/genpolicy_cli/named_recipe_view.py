"""What a named recipe says, for people and for programs."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from genpolicy.composition.named_recipe import NamedRecipe


def objectives_of(recipe: "NamedRecipe") -> tuple[str, ...]:
    """Return the objective that a recipe names, and those that it has more to say about."""
    own = (recipe.objective,) if recipe.objective else ()
    return tuple(dict.fromkeys((*own, *recipe.when)))


def recipe_facts(recipe: "NamedRecipe") -> dict[str, Any]:
    """Return everything that a recipe says, by name."""
    return {
        **attrs.asdict(recipe, recurse=False),
        "objectives": objectives_of(recipe),
        "dataset": recipe.dataset,
    }


def recipe_rows(recipe: "NamedRecipe") -> Iterator[tuple[str, str]]:
    """Yield a recipe's names and words for a table of facts, but for its settings."""
    if recipe.data:
        yield "for", recipe.data
        yield "dataset", recipe.dataset or "none: name yours with --dataset"
    if recipe.transitions is not None:
        epochs = ", ".join(f"{count:,} of {role}" for role, count in recipe.epochs.items())
        yield "steps", f"from passes over {recipe.transitions:,} transitions: {epochs}"
    if recipe.source:
        yield "source", recipe.source
    for departure in recipe.departs:
        yield "but", departure


def recipe_text(recipe: "NamedRecipe") -> str:
    """Return a recipe's settings as TOML, those of its task over those of its method."""
    tables = {"settings": recipe.settings}
    tables |= {f"when.{objective}": values for objective, values in recipe.when.items()}
    return "\n\n".join(_table(name, values) for name, values in tables.items() if values)


def _table(name: str, values: Mapping[str, Any]) -> str:
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([f"[{name}]", *lines])
