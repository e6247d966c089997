"""Another solver than an agent was trained with, for acting alone."""

import attrs

from genpolicy.composition.agent_recipe import AgentRecipe, Chosen
from genpolicy.composition.choosing import choose_part, split_name
from genpolicy.composition.fit import check_acting
from genpolicy.discovery import Catalogue
from genpolicy.errors import OptionError
from genpolicy.recipe import make_recipe, recipe_values


def with_solver(
    recipe: AgentRecipe, catalogue: Catalogue, solver: str | None, steps: int | None
) -> AgentRecipe:
    """Return the recipe of an agent that acts by another solver, or in other steps.

    Args:
        recipe: What was trained.
        catalogue: The installed parts.
        solver: Its name as a user types it, such as ``"heun:4"``; ``None`` for the agent's own,
            with its options.
        steps: How many steps it takes; ``None`` for what the solver says.

    Raises:
        OptionError: The solver takes no steps, or they are given twice.
        FitError: The agent cannot act by it.
        PartError: It is not installed or cannot be loaded.
    """
    if solver is None and steps is None:
        return recipe
    slot = recipe.slot_of(recipe.objective.acting_role, "solver")
    chosen = _chosen(recipe.chosen[slot], catalogue, slot, solver, steps)
    changed = attrs.evolve(recipe, chosen={**recipe.chosen, slot: chosen})
    check_acting(changed, catalogue)
    return changed


def _chosen(
    own: Chosen, catalogue: Catalogue, slot: str, solver: str | None, steps: int | None
) -> Chosen:
    options = {} if steps is None else {"steps": steps}
    if solver is None:
        values, who = {**recipe_values(own.recipe), **options}, f"{slot} {own.name}"
        return attrs.evolve(own, recipe=make_recipe(type(own.recipe), values, who=who))
    chosen = choose_part(catalogue, slot, solver, {})
    if steps is None:
        return chosen
    if split_name(solver)[1] is not None and chosen.recipe.argument == "steps":
        raise OptionError(f"steps are given twice: solver {solver} and steps {steps}")
    return choose_part(catalogue, slot, solver, options)
