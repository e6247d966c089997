"""A resolved recipe as the TOML file that ``--config`` reads back to the same recipe."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.recipe import recipe_values


def to_config(recipe: AgentRecipe) -> str:
    """Return the TOML text that sets every part, every option and the seed."""
    blocks = [f"seed = {recipe.seed}\n"]
    for slot, chosen in recipe.chosen.items():
        values = {"name": chosen.entry.full_name, **recipe_values(chosen.recipe)}
        blocks.append(_table(slot, values))
    blocks.append(_table("train", recipe_values(recipe.train)))
    blocks.append(_table("evaluation", recipe_values(recipe.evaluation)))
    return "\n".join(blocks)


def _table(name: str, values: Mapping[str, Any]) -> str:
    return f"[{name}]\n" + "".join(f"{line}\n" for line in _lines(values))


def _lines(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        yield f"{key} = {_value(value)}"


def _value(value: Any) -> str:
    if value is None:
        return '"none"'  # TOML has no null; options that may be None read this word as it
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # a JSON string is a TOML basic string
    return repr(value)
