"""A dataset by its name and its options, as the commands that look at data take them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import attrs
import typer

from genpolicy.errors import OptionError
from genpolicy_cli import completion
from genpolicy_cli.dataset_choice import named_dataset
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err

if TYPE_CHECKING:
    from genpolicy.composition.agent_recipe import Chosen
    from genpolicy.dataset import Dataset, DatasetRecipe

_SLOT: Final = "dataset"


def _settings(context: typer.Context, incomplete: str) -> completion.Offers:
    """Offer the keys of the dataset's options."""
    context.params[_SLOT] = context.params.get("name")  # where `agent run` has it
    offers = completion.settings(context, incomplete)
    return [(key, help) for key, help in offers if key.startswith(f"{_SLOT}.")]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A dataset, such as pointmaze/umaze or npz:mine.npz.",
        autocompletion=completion.names_of(_SLOT),
        show_default=False,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[dataset.KEY=VALUE]...",
        help="Its options, such as dataset.fraction=0.1; `agent info dataset NAME` lists them.",
        autocompletion=_settings,
        show_default=False,
    ),
]


def named_recipe(name: str, settings: Sequence[str]) -> "DatasetRecipe":
    """Return the recipe of a dataset with these options, as :func:`chosen_dataset` has it."""
    from genpolicy.dataset import DatasetRecipe

    recipe = chosen_dataset(name, settings).recipe
    assert isinstance(recipe, DatasetRecipe)
    return recipe


def chosen_dataset(name: str, settings: Sequence[str]) -> "Chosen":
    """Return the part that a dataset's name means, with these options.

    Args:
        name: As a user types it.
        settings: ``dataset.KEY=VALUE`` texts; ``KEY=VALUE`` will do.

    Raises:
        OptionError: An option is unknown, of another part, or does not fit.
        PartError: There is no such dataset.
    """
    with err().status("loading parts"):
        return named_dataset(catalogue(), name, _options(settings))


def single_steps(recipe: "DatasetRecipe") -> "DatasetRecipe":
    """Return the recipe of the same data with one step per transition."""
    return attrs.evolve(recipe, n_step=1, chunk=1)


def prepared(recipe: "DatasetRecipe", name: str) -> "Dataset":
    """Return the data, telling that they are on their way.

    Raises:
        DataError: They cannot be had or used.
        OptionError: Two of the options exclude one another.
    """
    with err().status(f"reading {name}"):
        return recipe.prepare()


def _options(settings: Sequence[str]) -> dict[str, Any]:
    from genpolicy.composition.layers import from_arguments

    options = {}
    for key, value in from_arguments(settings).values.items():
        slot, dot, option = key.rpartition(".")
        if dot and slot != _SLOT:
            raise OptionError(f"{key!r} is no option of a dataset; they read dataset.KEY=VALUE")
        options[option] = value
    return options
