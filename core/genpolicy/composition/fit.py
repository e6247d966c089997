"""Whether the parts of an agent go together, all problems at once, before any data is opened."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs

from genpolicy.composition.agent_recipe import BASES, AgentRecipe
from genpolicy.composition.contract import (
    TARGET,
    Need,
    loss_methods,
    method_of,
    needs_of,
    provided_class,
    roles_of,
    trains_critic,
)
from genpolicy.discovery import Catalogue
from genpolicy.errors import FitError, PartError, did_you_mean
from genpolicy.recipe import recipe_values
from genpolicy.solver import Solver


def check_fit(recipe: AgentRecipe, catalogue: Catalogue) -> None:
    """Refuse parts that do not go together.

    Raises:
        FitError: They do not; one sentence per problem, each with the parts that would fit.
        BrokenPartError: A part does not say what it needs or provides.
    """
    problems = [
        *_unmet_needs(recipe, catalogue),
        *_missing_roles(recipe),
        *_idle_roles(recipe),
        *_untrained(recipe),
        *_unlike_copies(recipe),
    ]
    if problems:
        raise FitError(list(dict.fromkeys(problems)))


@attrs.frozen
class _Demand:
    need: Need
    slot: str


def _demands(recipe: AgentRecipe) -> Iterator[_Demand]:
    """Yield everything that some part of an agent asks of another that the agent has."""
    asked = [*_asked_in_training(recipe), *_asked_to_act(recipe)]
    yield from (_Demand(need, slot) for need, slot in asked if slot is not None)
    solvers = {slot for _, slot in asked if slot is not None and slot.endswith("solver")}
    acting = recipe.objective.acting_role
    for slot in sorted(solvers | {recipe.slot_of(acting, "solver")}):
        role = slot.rpartition(".")[0] or "policy"
        for need in needs_of(_sample(recipe, slot), recipe.chosen[slot].name):
            yield _Demand(need, recipe.slot_of(role, "backbone"))


def _asked_in_training(recipe: AgentRecipe) -> Iterator[tuple[Need, str | None]]:
    """Yield what losses ask for, with its slot, or None for a role that the objective lacks."""
    name = recipe.chosen["objective"].name
    roles = roles_of(recipe.objective, name)
    methods = [(method, name) for method in loss_methods(recipe.objective, name).values()]
    if "critic" in recipe.chosen:
        critic = recipe.chosen["critic"]
        methods.append(
            (method_of(provided_class(type(critic.recipe)), "loss", critic.name), critic.name)
        )
    for method, who in methods:
        for need in needs_of(method, who):
            yield need, _slot(recipe, need.argument, roles)


def _asked_to_act(recipe: AgentRecipe) -> Iterator[tuple[Need, str | None]]:
    """Yield what the inference asks for, with its slot, or None for what no acting agent has."""
    chosen, acting = recipe.chosen["inference"], recipe.objective.acting_role
    slots = {"policy": recipe.slot_of(acting, "backbone"), "critic": "critic"}
    slots["solver"] = recipe.slot_of(acting, "solver")
    for need in needs_of(method_of(chosen.recipe, "act", chosen.name), chosen.name):
        yield need, slots.get(need.argument)


def _sample(recipe: AgentRecipe, slot: str) -> Callable[..., Any]:
    return method_of(recipe.part(slot, Solver), "sample", recipe.chosen[slot].name)


def _slot(recipe: AgentRecipe, argument: str, roles: Sequence[str]) -> str | None:
    """Return the slot that provides an argument of a loss, if the agent has it."""
    if argument in ("critic", "solver"):
        return argument
    if argument.endswith("_solver"):
        role, kind = argument.removesuffix("_solver"), "solver"
    else:
        role, kind = argument.removeprefix(TARGET), "backbone"
    return recipe.slot_of(role, kind) if role in roles else None


def _unmet_needs(recipe: AgentRecipe, catalogue: Catalogue) -> Iterator[str]:
    for demand in _demands(recipe):
        chosen = recipe.chosen[demand.slot]
        provided = provided_class(type(chosen.recipe))
        if not demand.need.met_by(provided):
            yield _sentence(demand, chosen.name, provided, catalogue)


def _sentence(demand: _Demand, name: str, provided: type, catalogue: Catalogue) -> str:
    kind = demand.slot.split(".")[-1]
    fitting = fitting_parts(demand.need, kind, catalogue)
    role = demand.need.argument
    of = "" if role in (kind, "policy") or kind not in ("backbone", "solver") else f" as its {role}"
    return (
        f"{demand.need.who} needs a {kind}{of} that {demand.need.in_words()}, but {name!r} is only "
        f"one that {getattr(provided, 'ability', 'is a ' + provided.__name__)}; fitting: "
        f"{', '.join(fitting) or 'none that is installed'}"
    )


def fitting_parts(need: Need, kind: str, catalogue: Catalogue) -> list[str]:
    """Return the names of the installed parts of a kind that meet a need."""
    names = []
    for entry in catalogue.parts(kind):
        try:
            if need.met_by(provided_class(catalogue.load(entry, BASES[kind]))):
                names.append(entry.spec.name)
        except PartError:  # a broken part fits nothing, and is reported where it is asked for
            continue
    return names


def _missing_roles(recipe: AgentRecipe) -> Iterator[str]:
    objective = recipe.chosen["objective"].name
    for need, slot in _asked_in_training(recipe):
        if slot is None:
            yield f"{need.who} asks for {need.argument!r}, and {objective!r} has no such role"
    for need, slot in _asked_to_act(recipe):
        if slot is None:
            yield (
                f"{need.who} asks for {need.argument!r} to act, and an agent that acts has only a "
                "policy, its solver and perhaps a critic"
            )


def _idle_roles(recipe: AgentRecipe) -> Iterator[str]:
    """Yield the roles that are asked for but never change, such as a misspelt one."""
    objective = recipe.chosen["objective"].name
    stages = recipe.objective.stages()
    used = {role for stage in stages for role in (*stage.learning_rates, *stage.copies)}
    for role in roles_of(recipe.objective, objective):
        if role not in used:
            hint = did_you_mean(role, [*used])
            yield f"{objective} asks for {role!r}, and no stage trains it{hint}"


def _untrained(recipe: AgentRecipe) -> Iterator[str]:
    objective, inference = recipe.chosen["objective"].name, recipe.chosen["inference"].name
    if "critic" in recipe.chosen and not trains_critic(recipe.objective):
        asked = any(slot == "critic" for _, slot in _asked_to_act(recipe))
        yield (
            f"inference {inference!r} needs a critic, and {objective!r} trains none; take an "
            "objective with a critic, or inference=sample"
            if asked
            else f"{objective} needs a critic and trains none"
        )
    acting = recipe.objective.acting_role
    if not any(
        acting in stage.learning_rates for stage in recipe.objective.stages() if stage.steps
    ):
        yield (
            f"{objective} trains {acting!r}, which acts in the end, for no step at all; raise the "
            "steps of its stage"
        )


def _unlike_copies(recipe: AgentRecipe) -> Iterator[str]:
    for stage in recipe.objective.stages():
        for copy, source in stage.copies.items():
            for kind in ("backbone", "network"):
                one, other = (recipe.slot_of(role, kind) for role in (copy, source))
                if not _alike(recipe, one, other):
                    yield (
                        f"{recipe.chosen['objective'].name} starts {copy!r} from the weights of "
                        f"{source!r}, so both need the same {kind} with the same options"
                    )


def _alike(recipe: AgentRecipe, one: str, other: str) -> bool:
    first, second = recipe.chosen[one], recipe.chosen[other]
    same_part = first.entry.full_name == second.entry.full_name
    return same_part and recipe_values(first.recipe) == recipe_values(second.recipe)
