"""``agent bench``."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import attrs
import typer

from genpolicy.errors import OptionError, UsageError
from genpolicy_cli import completion, flags
from genpolicy_cli.bench_options import STARTS, Asked
from genpolicy_cli.bench_table import show_figures
from genpolicy_cli.installed import catalogue
from genpolicy_cli.listings import Printed
from genpolicy_cli.option_groups import grouped
from genpolicy_cli.output import err, say
from genpolicy_cli.request import resolved_grid
from genpolicy_cli.words import count
from genpolicy_cli.writable import writable

if TYPE_CHECKING:
    import torch
    from rich.status import Status

    from genpolicy.bench.turns import Contest, Figure
    from genpolicy.composition.agent_recipe import AgentRecipe
    from genpolicy.dataset import Dataset
    from genpolicy.discovery import Catalogue

_PARTS: Final = "Parts"
_SIZES: Final = "17,6"
_SIZES_OF_DATA: Final = "--sizes are those of random transitions; leave out them or the dataset"


@grouped
def bench(
    context: typer.Context,
    asked: Asked,
    printed: Printed,
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND.KEY=VALUE",
            help="Options of parts, as for `agent run`.",
            autocompletion=completion.settings,
            show_default=False,
        ),
    ] = None,
    backbone: Annotated[str | None, flags.part("backbone", _PARTS)] = None,
    network: Annotated[str | None, flags.part("network", _PARTS)] = None,
    objective: Annotated[str | None, flags.part("objective", _PARTS)] = None,
    critic: Annotated[str | None, flags.part("critic", _PARTS)] = None,
    solver: Annotated[str | None, flags.part("solver", _PARTS)] = None,
    inference: Annotated[str | None, flags.part("inference", _PARTS)] = None,
    dataset: Annotated[str | None, flags.part("dataset", _PARTS)] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Named settings to start from; its batch sizes are measured.",
            metavar="NAME",
            autocompletion=completion.recipes,
            rich_help_panel=_PARTS,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML file of settings.", metavar="FILE", rich_help_panel=_PARTS),
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option(
            help="Numbers of an observation and of an action of random transitions, which stand "
            "in where no dataset is named (17,6).",
            metavar="N,N",
            rich_help_panel=_PARTS,
        ),
    ] = None,
    device: Annotated[str, flags.device()] = "auto",
    threads: Annotated[
        int | None, typer.Option(help="CPU threads; those of the recipe.", min=1, metavar="N")
    ] = None,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    no_record: Annotated[
        bool, typer.Option("--no-record", help="Write nothing into the registry.")
    ] = False,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="A word to find the record by, beside bench.", metavar="WORD"),
    ] = None,
    plugin: flags.Files = None,
) -> None:
    """Measure how fast a recipe trains, acts and starts here, beside its matrix products alone.

    All take turns, so that whatever else the machine does meets all of them: read the ratios. Other
    programs take part where they do the same work and are installed.
    """
    if tag and no_record:
        raise UsageError("--tag says how to find the record; leave out --no-record")
    if dataset is not None and sizes is not None:
        raise UsageError(_SIZES_OF_DATA)
    parts = catalogue()
    named = {
        "backbone": backbone,
        "network": network,
        "objective": objective,
        "critic": critic,
        "solver": solver,
        "inference": inference,
        "dataset": dataset or _random(sizes, settings or [], config),
    }
    arguments = [*(settings or []), *([] if threads is None else [f"train.threads={threads}"])]
    with err().status("loading parts"):
        found = _one(
            resolved_grid(
                parts, named=named, arguments=arguments, config=config, recipe=recipe, seed=None
            )
        )
        if dataset is None and sizes is None and named["dataset"] is not None:
            found = _without_origin(found, "dataset")
        from genpolicy.dataset import DatasetRecipe
        from genpolicy.devices import choose_device
        from genpolicy.runs.benches import record_bench

        place, data = choose_device(device), found.part("dataset", DatasetRecipe).prepare()
    figures: list[Figure] = []
    remarks: list[str] = []

    def measure() -> "list[Figure]":
        told = _measured(asked, found, data, place, parts)
        figures.extend(told[0])
        remarks.extend(told[1])
        return figures

    with nullcontext() if no_record else writable(registry) as known:
        run = None
        if known is None:
            measure()
        else:
            command, tags = str(context.obj or ""), tag or ()
            run = record_bench(
                measure,
                found,
                data,
                registry=known,
                device=place,
                tags=tags,
                command=command,
                say=say,
            )
    show_figures(figures, run, printed.form, remarks)


def _one(grid: "Sequence[AgentRecipe]") -> "AgentRecipe":
    """Return the only recipe; several are for `agent run`."""
    from genpolicy.runs.programs import varied

    if len(grid) > 1:
        raise OptionError(
            f"agent bench measures one recipe: name one value of {', '.join(varied(grid))}; "
            "several are for `agent run`"
        )
    return grid[0]


def _without_origin(recipe: "AgentRecipe", slot: str) -> "AgentRecipe":
    """Return the recipe as one whose part in a slot, with its argument, nobody typed."""
    argument = recipe.chosen[slot].recipe.argument
    kept = {
        key: origin
        for key, origin in recipe.origins.items()
        if key not in (slot, f"{slot}.{argument}")
    }
    return attrs.evolve(recipe, origins=kept)


def _random(sizes: str | None, settings: Sequence[str], config: Path | None) -> str | None:
    """Return the name of the random transitions, where no dataset is named among the settings."""
    from genpolicy.composition.layers import from_arguments, from_config

    layers = [from_arguments(settings), *([from_config(config)] if config else [])]
    if {"dataset", "dataset.name"}.isdisjoint(key for layer in layers for key in layer.values):
        return f"random:{sizes or _SIZES}"
    if sizes is not None:
        raise UsageError(_SIZES_OF_DATA)
    return None


def _measured(
    asked: Asked,
    recipe: "AgentRecipe",
    data: "Dataset",
    place: "torch.device",
    parts: "Catalogue",
) -> "tuple[list[Figure], list[str]]":
    """Return what was measured, and what is to be said of it."""
    from genpolicy.bench.contests import contests

    figures: list[Figure] = []
    remarks: list[str] = []
    with err().status("making ready") as status, _first_step(recipe, place) as start:
        for contest in contests(
            recipe, data, place, parts, what=asked.names, samples=asked.samples, start=start
        ):
            figures += _held(contest, asked, status)
            remarks += contest.remarks
            status.update("making ready")
    return figures, list(dict.fromkeys(remarks))


def _held(contest: "Contest", asked: Asked, status: "Status") -> "list[Figure]":
    from genpolicy.bench.turns import hold

    rounds = asked.rounds if contest.amount is not None else min(asked.rounds, STARTS)
    done = 0

    def tell() -> None:
        nonlocal done
        status.update(f"measuring {contest.what}: {done} of {count(rounds, 'round')}")
        done += 1

    tell()
    return hold(contest, rounds=rounds, seconds=asked.seconds, told=tell)


@contextmanager
def _first_step(recipe: "AgentRecipe", place: "torch.device") -> Iterator[list[str]]:
    """While inside, there is a command that runs the recipe up to its first step."""
    from genpolicy.composition.config_file import to_config

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "recipe.toml").write_text(to_config(recipe), encoding="utf-8")
        run = ["run", "--recipe", "none", "--config", str(folder / "recipe.toml"), "--quiet"]
        place_of = ["--output", name, "--registry", str(folder / "registry.db")]
        program = [sys.executable, "-m", "genpolicy_cli.first_step"]
        yield [*program, *run, *place_of, "--device", str(place)]
