"""Whether the parts of an agent go together, all problems at once, before any data is opened."""

from collections.abc import Iterator

from genpolicy.composition.agent_recipe import BASES, AgentRecipe
from genpolicy.composition.contract import (
    POLICY,
    Need,
    ability_of,
    provided_class,
    trains_critic,
)
from genpolicy.composition.losses import roles_of
from genpolicy.composition.needs import (
    acting_needs,
    answer_to,
    needs_by_role,
    solving_needs,
    training_needs,
)
from genpolicy.discovery import Catalogue
from genpolicy.errors import FitError, PartError, did_you_mean
from genpolicy.recipe import recipe_values


def check_fit(recipe: AgentRecipe, catalogue: Catalogue) -> None:
    """Refuse parts that do not go together.

    Raises:
        FitError: They do not; one sentence per problem, each with the parts that would fit.
        BrokenPartError: A part does not say what it needs or provides.
    """
    problems = [
        *_unmet_needs(recipe, catalogue),
        *_missing(recipe),
        *_idle_roles(recipe),
        *_untrained_critic(recipe),
        *_too_early(recipe),
        *_unlike_copies(recipe),
        *_idle_online(recipe),
    ]
    if problems:
        raise FitError(list(dict.fromkeys(problems)))


def check_solver(recipe: AgentRecipe, role: str, catalogue: Catalogue) -> None:
    """Refuse a solver that cannot serve a role, whatever else asks for one.

    Raises:
        FitError: The solver in the role's slot needs a backbone that can do more.
        BrokenPartError: A part does not say what it needs or provides.
    """
    problems = []
    for need in solving_needs(recipe):
        name, provided = answer_to(need, recipe)
        if need.role == role and not need.met_by(provided):
            problems.append(_sentence(need, name, provided, catalogue))
    if problems:
        raise FitError(problems)


def check_acting(recipe: AgentRecipe, catalogue: Catalogue) -> None:
    """Refuse parts that an agent cannot act by, whatever it was trained by.

    Raises:
        FitError: They do not go together; one sentence per problem.
        BrokenPartError: A part does not say what it needs or provides.
    """
    asked = acting_needs(recipe)
    acting = {need.role for need in asked} | {recipe.objective.acting_role}
    asked += [need for need in solving_needs(recipe) if need.role in acting]
    problems = [
        _sentence(need, name, provided, catalogue)
        for need in asked
        for name, provided in [answer_to(need, recipe)]
        if not need.met_by(provided)
    ]
    if problems:
        raise FitError(list(dict.fromkeys(problems)))


def _unmet_needs(recipe: AgentRecipe, catalogue: Catalogue) -> Iterator[str]:
    asked = [*training_needs(recipe), *acting_needs(recipe), *solving_needs(recipe)]
    for need in asked:
        if _is_there(need, recipe):
            name, provided = answer_to(need, recipe)
            if not need.met_by(provided):
                yield _sentence(need, name, provided, catalogue)


def _is_there(need: Need, recipe: AgentRecipe) -> bool:
    """Return whether an agent has what is asked for, whatever it can do."""
    if need.kind == "critic":
        return "critic" in recipe.chosen
    return need.role in roles_of(recipe.objective, recipe.chosen["objective"].name)


def _sentence(need: Need, name: str, provided: type, catalogue: Catalogue) -> str:
    fitting = fitting_parts(need, need.kind, catalogue)
    known = need.argument in (need.kind, "policy") or need.kind == "critic"
    of = "" if known else f" as its {need.argument}"
    if need.argument == POLICY != need.role:
        of = f" in the role of {need.role!r}"
    return (
        f"{need.who} needs a {need.kind}{of} that {need.in_words()}, but {name!r} is only one that "
        f"{ability_of(provided)}; fitting: {', '.join(fitting) or 'none that is installed'}"
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


def _missing(recipe: AgentRecipe) -> Iterator[str]:
    objective = recipe.chosen["objective"].name
    for need in [*training_needs(recipe), *acting_needs(recipe)]:
        if not _is_there(need, recipe):
            asked = need.role if need.kind == "solver" else need.argument
            yield f"{need.who} asks for {asked!r}, and {objective!r} has no such role"


def _idle_roles(recipe: AgentRecipe) -> Iterator[str]:
    """Yield the roles that are asked for but never train, such as a misspelt one."""
    objective = recipe.chosen["objective"].name
    stages = recipe.objective.stages()
    used = {r for stage in stages if stage.steps for r in (*stage.learning_rates, *stage.copies)}
    named = {role for stage in stages for role in stage.learning_rates}
    for role in roles_of(recipe.objective, objective):
        if role in named - used:
            yield f"{objective} trains {role!r} for no step at all; raise the steps of its stage"
        elif role not in used:
            hint = did_you_mean(role, [*named])
            yield f"{objective} asks for {role!r}, and no stage trains it{hint}"


def _untrained_critic(recipe: AgentRecipe) -> Iterator[str]:
    objective, inference = recipe.chosen["objective"].name, recipe.chosen["inference"].name
    if "critic" in recipe.chosen and not trains_critic(recipe.objective):
        asked = any(need.kind == "critic" for need in acting_needs(recipe))
        yield (
            f"inference {inference!r} needs a critic, and {objective!r} trains none; take an "
            "objective with a critic, or inference=sample"
            if asked
            else f"{objective} needs a critic and trains it for no step at all"
        )


def _too_early(recipe: AgentRecipe) -> Iterator[str]:
    """Yield what is asked in a stage before it has been trained."""
    needs, stages = needs_by_role(recipe), [s for s in recipe.objective.stages() if s.steps]
    trained = [{*stage.learning_rates, *stage.copies} for stage in stages]
    for number, stage in enumerate(stages, start=1):
        later = set[str]().union(*trained[number:]).difference(*trained[:number])
        for need in (need for role in stage.learning_rates for need in needs.get(role, ())):
            role = "critic" if need.kind == "critic" else need.role
            if role in later:
                objective = recipe.chosen["objective"].name
                hint = "" if need.who == objective else "; take a critic that does not ask for it"
                yield (
                    f"{need.who} asks for {role!r} in stage {stage.name!r} of {objective}, which "
                    f"trains it later{hint}"
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


def _idle_online(recipe: AgentRecipe) -> Iterator[str]:
    """Yield why steps in the environment would teach an agent nothing."""
    options = recipe.train
    if not options.online_steps:
        return
    if recipe.objective.online_stage(options.online_steps) is None:
        yield (
            f"{recipe.chosen['objective'].name} learns nothing from acting, so that "
            f"train.online_steps={options.online_steps} is of no use to it; leave it out, or take "
            "an objective with a critic"
        )
    if options.online_warmup >= options.online_steps:
        yield (
            f"train.online_warmup={options.online_warmup} leaves none of the "
            f"{options.online_steps} online steps to learn in; lower it"
        )
