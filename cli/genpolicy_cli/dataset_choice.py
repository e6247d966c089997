"""The datasets that the commands of ``agent datasets`` are about."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genpolicy.errors import UsageError
from genpolicy_cli import completion

if TYPE_CHECKING:
    from genpolicy.composition.agent_recipe import Chosen
    from genpolicy.discovery import Catalogue

MadeName = Annotated[
    str,
    typer.Argument(
        help="A dataset that can be made, such as pointmaze/umaze.",
        autocompletion=completion.names_of("dataset"),
    ),
]


def made_dataset(found: "Catalogue", name: str) -> "Chosen":
    """Return a dataset that can be made.

    Raises:
        UsageError: It is read from elsewhere.
        PartError: There is no such dataset.
    """
    from genpolicy.dataset_abilities import MadeDataset

    chosen = named_dataset(found, name)
    if not isinstance(chosen.recipe, MadeDataset):
        raise UsageError(f"dataset {name!r} is read from elsewhere and cannot be made here")
    return chosen


def named_dataset(
    found: "Catalogue", name: str, options: Mapping[str, Any] | None = None
) -> "Chosen":
    """Return the dataset of a name.

    Args:
        found: The installed parts.
        name: As a user types it, such as ``"npz:mine.npz"``.
        options: Its options that are no defaults.

    Raises:
        OptionError: An option is unknown, or it or what follows a colon does not fit.
        PartError: There is no such dataset.
    """
    from genpolicy.composition.choosing import choose_part

    return choose_part(found, "dataset", name, options or {})
