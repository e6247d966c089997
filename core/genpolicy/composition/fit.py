"""Whether the parts of an agent go together, all problems at once, before any data is opened."""

from collections.abc import Iterator

import attrs

from genpolicy.composition.agent_recipe import BASES, AgentRecipe
from genpolicy.composition.contract import (
    TARGET,
    Need,
    loss_methods,
    needs_of,
    provided_class,
    trains_critic,
)
from genpolicy.critic import Critic
from genpolicy.discovery import Catalogue
from genpolicy.errors import FitError, PartError
from genpolicy.inference import Inference
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
        *_untrained_critic(recipe),
        *_unlike_copies(recipe),
    ]
    if problems:
        raise FitError(list(dict.fromkeys(problems)))


@attrs.frozen
class _Demand:
    need: Need
    slot: str


def _demands(recipe: AgentRecipe) -> Iterator[_Demand]:
    """Yield everything that some part of an agent asks of another."""
    objective = recipe.chosen["objective"].name
    acting = recipe.objective.acting_role
    for method in loss_methods(recipe.objective, objective).values():
        for need in needs_of(method, objective):
            yield _Demand(need, _slot(recipe, need.argument))
    for need in needs_of(recipe.part("inference", Inference).act, recipe.chosen["inference"].name):
        yield _Demand(need, _slot(recipe, acting if need.argument == "policy" else need.argument))
    slot = recipe.slot_of(acting, "solver")
    for need in needs_of(recipe.part(slot, Solver).sample, recipe.chosen[slot].name):
        yield _Demand(need, recipe.slot_of(acting, "backbone"))
    if "critic" in recipe.chosen:
        critic = provided_class(type(recipe.chosen["critic"].recipe))
        assert issubclass(critic, Critic)
        for need in needs_of(critic.loss, recipe.chosen["critic"].name):
            yield _Demand(need, _slot(recipe, need.argument))


def _slot(recipe: AgentRecipe, argument: str) -> str:
    """Return the slot that provides an argument of a loss."""
    if argument in ("critic", "solver"):
        return argument
    if argument.endswith("_solver"):
        return recipe.slot_of(argument.removesuffix("_solver"), "solver")
    return recipe.slot_of(argument.removeprefix(TARGET), "backbone")


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


def _untrained_critic(recipe: AgentRecipe) -> Iterator[str]:
    if "critic" in recipe.chosen and not trains_critic(recipe.objective):
        objective, inference = recipe.chosen["objective"].name, recipe.chosen["inference"].name
        yield (
            f"inference {inference!r} needs a critic, and {objective!r} trains none; take an "
            "objective with a critic, or inference=sample"
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
