"""What the parts of a chosen agent ask of each other, and which part answers."""

from collections.abc import Callable, Iterator
from typing import Any

from genpolicy.backbone import Model
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.contract import (
    ACT,
    LOSS,
    SAMPLE,
    Need,
    builder_of,
    method_of,
    needs_of,
    provided_class,
    returned_class,
)
from genpolicy.composition.losses import losses_of


def training_needs(recipe: AgentRecipe) -> list[Need]:
    """Return what the losses of an agent ask for, the critic's included."""
    return [need for needs in needs_by_role(recipe).values() for need in needs]


def needs_by_role(recipe: AgentRecipe) -> dict[str, list[Need]]:
    """Return what the losses of an agent ask for, by the role that they train."""
    who = recipe.chosen["objective"].name
    needs = {role: loss.needs for role, loss in losses_of(recipe.objective, who).items()}
    if "critic" in recipe.chosen:
        chosen = recipe.chosen["critic"]
        loss = method_of(provided_class(type(chosen.recipe)), "loss", chosen.name)
        needs["critic"] = needs_of(loss, chosen.name, LOSS, recipe.objective.acting_role)
    return needs


def acting_needs(recipe: AgentRecipe) -> list[Need]:
    """Return what the inference of an agent asks for."""
    chosen = recipe.chosen["inference"]
    act = method_of(chosen.recipe, "act", chosen.name)
    return needs_of(act, chosen.name, ACT, recipe.objective.acting_role)


def solving_needs(recipe: AgentRecipe) -> Iterator[Need]:
    """Yield what the solvers that are used ask of the backbones they serve."""
    asked = [*training_needs(recipe), *acting_needs(recipe)]
    served = {need.role for need in asked if need.kind == "solver"}
    for role in sorted(served | {recipe.objective.acting_role}):
        chosen = recipe.chosen[recipe.slot_of(role, "solver")]
        yield from needs_of(_sample(chosen.recipe, chosen.name), chosen.name, SAMPLE, role)


def _sample(solver: object, name: str) -> Callable[..., Any]:
    return method_of(solver, "sample", name)


def answer_to(need: Need, recipe: AgentRecipe) -> tuple[str, type]:
    """Return the name of the part that answers a need, and the class it provides."""
    builder = builder_of(recipe.objective, need.role)
    if need.kind == "backbone" and builder is not None:
        return recipe.chosen["objective"].name, returned_class(builder, Model)
    slot = "critic" if need.kind == "critic" else recipe.slot_of(need.role, need.kind)
    chosen = recipe.chosen[slot]
    return chosen.name, provided_class(type(chosen.recipe))
