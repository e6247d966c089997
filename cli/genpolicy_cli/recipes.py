"""``agent recipes``: settings that have a name, what they are for and where they are from."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

import typer

from genpolicy.errors import UsageError, did_you_mean
from genpolicy_cli import completion, flags
from genpolicy_cli.installed import catalogue
from genpolicy_cli.named_recipe_view import objectives_of, recipe_facts
from genpolicy_cli.output import out, print_json
from genpolicy_cli.tables import listing
from genpolicy_cli.words import NOTHING

if TYPE_CHECKING:
    from genpolicy.composition.named_recipe import NamedRecipe
    from genpolicy.discovery import Catalogue

_FEW = 3  # more objectives than these are counted, not named


def recipes(
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Only those for this dataset or task, such as hopper-medium or 'minari:*hopper*'.",
            metavar="NAME",
        ),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="Only those with this objective.",
            metavar="NAME",
            autocompletion=completion.names_of("objective"),
        ),
    ] = None,
    as_json: Annotated[bool, flags.AS_JSON] = False,
    plugin: flags.Files = None,
) -> None:
    """List the named recipes: the papers' settings, by task.

    `agent run --recipe NAME` starts from one, `agent info recipe NAME` shows what it sets.
    """
    from genpolicy.composition.named_recipe import read_recipe

    found = catalogue()
    named = [read_recipe(found, entry) for entry in found.parts("recipe")]
    if objective is not None:
        named = _with_objective(named, objective)
    if dataset is not None:
        named = _for_dataset(named, dataset, _default_recipe(found, dataset))
    if as_json:
        print_json([recipe_facts(recipe) for recipe in named])
        return
    columns = ("name", "objective", "dataset", "published for")
    out().print(listing(columns, [_row(recipe) for recipe in named]))


def _with_objective(named: "Sequence[NamedRecipe]", objective: str) -> "list[NamedRecipe]":
    found = [recipe for recipe in named if objective in objectives_of(recipe)]
    if not found:
        known = sorted({name for recipe in named for name in objectives_of(recipe)})
        hint = did_you_mean(objective, known)
        raise UsageError(f"no recipe is for the objective {objective!r}{hint}")
    return found


def _default_recipe(found: "Catalogue", dataset: str) -> str | None:
    """Return the name of the recipe that runs on a dataset start from, if there are both."""
    from genpolicy.errors import PartError

    try:
        entry = found.find("dataset", dataset.partition(":")[0])
        from genpolicy.dataset import DatasetRecipe  # heavy, and most names are no dataset's

        return found.load(entry, DatasetRecipe).default_recipe
    except PartError:  # a task, a pattern, or the name of data that nobody provides
        return None


def _for_dataset(
    named: "Sequence[NamedRecipe]", pattern: str, default: str | None
) -> "list[NamedRecipe]":
    found = [
        recipe
        for recipe in named
        if recipe.name == default or any(fnmatchcase(name, pattern) for name in _datasets(recipe))
    ]
    if not found:
        known = sorted({_task(recipe) for recipe in named if recipe.data})
        raise UsageError(f"no recipe is for the dataset {pattern!r}{did_you_mean(pattern, known)}")
    return found


def _datasets(recipe: "NamedRecipe") -> tuple[str, ...]:
    """Return every name that a recipe's data go by."""
    if not recipe.data:
        return (recipe.dataset,) if recipe.dataset else ()
    benchmark, _, published = recipe.data.rpartition(" ")
    typed = f"{benchmark.lower()}:{published}"
    return (recipe.dataset or "", _task(recipe), recipe.data, published, typed)


def _task(recipe: "NamedRecipe") -> str:
    return recipe.name.rpartition("/")[2]


def _row(recipe: "NamedRecipe") -> tuple[str, ...]:
    objectives = objectives_of(recipe) or (NOTHING,)
    return (
        recipe.name,
        ", ".join(objectives) if len(objectives) <= _FEW else f"{len(objectives)} objectives",
        recipe.dataset or NOTHING,
        recipe.data or NOTHING,
    )
