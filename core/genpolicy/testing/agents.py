"""A small agent around an objective: the parts that it is known with, tiny, for a few steps."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import attrs

from genpolicy.composition.agent_recipe import AgentRecipe, Chosen
from genpolicy.composition.choosing import choose_part
from genpolicy.composition.fit import check_fit
from genpolicy.composition.layers import Layer
from genpolicy.composition.resolve import resolve
from genpolicy.discovery import Catalogue, PartEntry, PartSpec, load_catalogue
from genpolicy.discovery.records import PluginRecord
from genpolicy.objective import Objective, Stage
from genpolicy.recipe import Recipe, make_recipe, recipe_values
from genpolicy.testing.suite import entry_of

ObjectiveT = TypeVar("ObjectiveT", bound=Objective)


def catalogue_with(part: Recipe, kind: str) -> tuple[Catalogue, str]:
    """Return the installed parts, this one among them even if nobody has packaged it yet.

    Args:
        part: The recipe of a part whose class stands at the top of a module.
        kind: Its kind.

    Returns:
        The catalogue, and the name that finds the part there.
    """
    catalogue, entry = load_catalogue(), entry_of(part)
    if entry is not None:
        return catalogue, entry.full_name
    module, name = type(part).__module__, type(part).__qualname__
    spec = PartSpec(name=name.lower(), summary="not packaged yet", target=f"{module}:{name}")
    entry = PartEntry(kind=kind, spec=spec, distribution="unpackaged", version="0")
    plugin = PluginRecord(
        key="unpackaged",
        distribution="unpackaged",
        version="0",
        entry_point="unpackaged",
        module=module,
        parts=(entry,),
    )
    return attrs.evolve(catalogue, plugins=(*catalogue.plugins, plugin)), entry.full_name


def agent_of(objective: Objective, settings: Mapping[str, Any] | None = None) -> AgentRecipe:
    """Return the recipe of an agent of an objective and the parts that it is known with.

    Args:
        objective: The objective.
        settings: What is otherwise than it is known with, by ``slot.option``.

    Raises:
        PartError: A part that it is known with is not installed.
        FitError: Its parts do not fit.
    """
    catalogue, name = catalogue_with(objective, "objective")
    options = {f"objective.{key}": value for key, value in recipe_values(objective).items()}
    layer = Layer("conformance suite", {"objective": name, **options, **(settings or {})})
    recipe = resolve(catalogue, [layer], recipe="none")
    check_fit(recipe, catalogue)
    return recipe


def small_agent(
    objective: Objective,
    settings: Mapping[str, Any] | None = None,
    *,
    steps: int = 3,
    rows: int = 8,
    rate: float = 1e-3,
    hidden: Sequence[int] = (8,),
    solving: int = 2,
) -> AgentRecipe:
    """Return an agent of an objective with tiny networks and short stages.

    Args:
        objective: The objective.
        settings: What is otherwise than it is known with, by ``slot.option``.
        steps: The most steps of a stage.
        rows: Transitions per step.
        rate: Adam's learning rate for every role.
        hidden: Widths of the hidden layers of all networks, and of the critic if that has any.
        solving: The most steps of a solver, if it has any.
    """
    recipe = agent_of(objective, settings)
    chosen = {slot: _small(slot, each, hidden, solving) for slot, each in recipe.chosen.items()}
    short = shortened(objective, steps=steps, rows=rows, rate=rate)
    chosen["objective"] = Chosen(recipe.chosen["objective"].entry, short)
    return attrs.evolve(recipe, chosen=chosen)


def shortened(objective: ObjectiveT, *, steps: int, rows: int, rate: float) -> ObjectiveT:
    """Return an objective that is the same but for the length of its stages.

    Args:
        objective: The objective.
        steps: The most steps of a stage.
        rows: Transitions per step.
        rate: Adam's learning rate for every role.
    """

    def stages(_: Objective) -> tuple[Stage, ...]:
        return tuple(
            attrs.evolve(
                stage,
                steps=min(steps, stage.steps),
                batch_size=rows,
                learning_rates=dict.fromkeys(stage.learning_rates, rate),
            )
            for stage in objective.stages()
        )

    kind: Any = type(objective)
    short: Any = type(kind.__name__, (kind,), {"stages": stages})
    given = [field for field in attrs.fields(kind) if field.init]
    values = {field.alias: getattr(objective, field.name) for field in given}
    found: ObjectiveT = short(**values)
    return found


def _small(slot: str, chosen: Chosen, hidden: Sequence[int], solving: int) -> Chosen:
    kind, known = slot.split(".")[-1], recipe_values(chosen.recipe)
    if kind == "network":
        options = {"hidden": tuple(hidden), "time_dim": 8}
        return choose_part(load_catalogue(), "network", "mlp", options)
    if kind == "critic" and "hidden" in known:
        known["hidden"] = tuple(hidden)
    if kind == "solver" and "steps" in known:
        known["steps"] = min(solving, known["steps"])
    return attrs.evolve(chosen, recipe=make_recipe(type(chosen.recipe), known, who=slot))
