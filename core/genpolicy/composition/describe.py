"""What can be told of one part: its options, what it needs and what it can do."""

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import attrs

from genpolicy.composition.agent_recipe import BASES
from genpolicy.composition.contract import (
    ACT,
    LOSS,
    SAMPLE,
    Need,
    method_of,
    needs_of,
    provided_class,
)
from genpolicy.composition.losses import loss_needs
from genpolicy.critic import Critic
from genpolicy.discovery.catalogue import Catalogue
from genpolicy.discovery.records import PartEntry
from genpolicy.inference import Inference
from genpolicy.objective import Objective, Stage
from genpolicy.recipe import Option, Recipe, options_of
from genpolicy.solver import Solver


@attrs.frozen(kw_only=True)
class Description:
    """One part, described.

    Args:
        entry: Which part.
        recipe: Its recipe class.
        about: What its file says of itself: formulas, sources, what differs from them.
        options: Its hyper-parameters.
        needs: What it asks of other parts, such as ``"policy that knows its velocity (…)"``.
        abilities: What it can do, most particular first.
        stages: An objective's stages, by its defaults.
        brings: The settings of other parts that an objective is known with, by ``slot`` or
            ``slot.option``.
    """

    entry: PartEntry
    recipe: type[Recipe]
    about: str
    options: tuple[Option, ...]
    needs: tuple[str, ...]
    abilities: tuple[str, ...]
    stages: tuple[Stage, ...]
    brings: Mapping[str, Any]


def describe_part(catalogue: Catalogue, entry: PartEntry) -> Description:
    """Load a part and describe it.

    Raises:
        BrokenPartError: It cannot be loaded, or does not say what it needs or provides.
    """
    recipe = catalogue.load(entry, BASES.get(entry.kind, Recipe))
    name = entry.spec.name
    needs = _needs(recipe, name)
    provided = provided_class(recipe)
    return Description(
        entry=entry,
        recipe=recipe,
        about=inspect.getdoc(sys.modules[recipe.__module__]) or "",
        options=tuple(options_of(recipe).values()),
        needs=tuple(dict.fromkeys(f"{need.argument} that {need.in_words()}" for need in needs)),
        abilities=tuple(_abilities(provided)),
        stages=recipe().stages() if issubclass(recipe, Objective) else (),
        brings=recipe.defaults if issubclass(recipe, Objective) else {},
    )


def _needs(recipe: type[Recipe], name: str) -> list[Need]:
    """Return what a part asks for, read from its methods' annotations."""
    if issubclass(recipe, Objective):
        return loss_needs(recipe(), name)
    if issubclass(recipe, Solver):
        return needs_of(method_of(recipe, "sample", name), name, SAMPLE)
    if issubclass(recipe, Inference):
        return needs_of(method_of(recipe, "act", name), name, ACT)
    provided = provided_class(recipe)
    if issubclass(provided, Critic):
        return needs_of(method_of(provided, "loss", name), name, LOSS)
    return []


def _abilities(provided: type) -> list[str]:
    return [
        f"{member.__dict__['ability']} ({member.__name__})"
        for member in provided.__mro__
        if "ability" in member.__dict__
    ]
