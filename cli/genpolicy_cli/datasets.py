"""``agent datasets``: which there are, making them, measuring their references."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genpolicy.errors import UsageError
from genpolicy_cli import completion, flags, parts
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, out, print_json
from genpolicy_cli.results import score_facts
from genpolicy_cli.tables import listing
from genpolicy_cli.words import count, interval

if TYPE_CHECKING:
    from genpolicy.dataset import DatasetRecipe
    from genpolicy.dataset_abilities import MadeDataset
    from genpolicy.discovery import Catalogue

app = typer.Typer(no_args_is_help=True, help="Show, make and measure datasets.")

_Name = Annotated[
    str,
    typer.Argument(
        help="A dataset that can be made, such as pointmaze/umaze.",
        autocompletion=completion.names_of("dataset"),
    ),
]


@app.command("list")
def list_datasets(as_json: Annotated[bool, flags.AS_JSON] = False) -> None:
    """List the datasets that can be named."""
    parts.list_parts("dataset", as_json)


@app.command()
def make(
    name: _Name,
    transitions: Annotated[
        int | None, typer.Option(help="How many; as many as the dataset has.", min=1)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the dataset's own.", min=0)] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.npz", help="Write this file.")
    ] = None,
    minari: Annotated[
        str | None, typer.Option(metavar="ID", help="Write a local Minari dataset of this id.")
    ] = None,
) -> None:
    """Make a dataset again, in any size; the same seed gives the same arrays."""
    from genpolicy.dataset_abilities import WritableDataset

    if (out_file is None) == (minari is None):
        raise UsageError("say where to: --out FILE.npz or --minari ID")
    found = catalogue()
    place = f"npz:{out_file}" if out_file is not None else f"minari:{minari}"
    target = _dataset(found, place)
    assert isinstance(target, WritableDataset)
    source = _made(found, name)
    with err().status(f"making {name}"):
        data = source.make(transitions=transitions, seed=seed)
        target.write(data)
    out().print(
        f"{place}: {count(len(data), 'transition')} in {count(data.episodes, 'episode')}; "
        f"`agent run --dataset {place}` learns from it",
        soft_wrap=True,
    )


@app.command()
def reference(name: _Name, as_json: Annotated[bool, flags.AS_JSON] = False) -> None:
    """Measure the returns between which scores are normalised (takes minutes)."""
    from genpolicy_cli.results import steps_to_goal

    source = _made(catalogue(), name)
    with err().status(f"measuring {name}"):
        measured = source.measure_reference()
    if as_json:
        print_json({policy: score_facts(record) for policy, record in measured.items()})
        return
    rows = [
        (
            policy,
            interval(record.return_),
            interval(record.success, scale=100.0, unit="%"),
            interval(steps_to_goal(record)),
            f"{len(record.episodes):,}",
        )
        for policy, record in measured.items()
    ]
    out().print(listing(("policy", "return", "success", "steps to goal", "episodes"), rows))


def _made(found: "Catalogue", name: str) -> "MadeDataset":
    from genpolicy.dataset_abilities import MadeDataset

    recipe = _dataset(found, name)
    if not isinstance(recipe, MadeDataset):
        raise UsageError(f"dataset {name!r} is read from elsewhere and cannot be made here")
    return recipe


def _dataset(found: "Catalogue", name: str) -> "DatasetRecipe":
    from genpolicy.dataset import DatasetRecipe
    from genpolicy.recipe import make_recipe

    bare, colon, argument = name.partition(":")
    entry = found.find("dataset", bare)
    recipe = found.load(entry, DatasetRecipe)
    options: dict[str, Any] = {recipe.argument: argument} if colon and recipe.argument else {}
    return make_recipe(recipe, options, who=f"dataset {bare}")
