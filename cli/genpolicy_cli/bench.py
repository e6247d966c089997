"""``agent bench``."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from genpolicy.errors import UsageError, did_you_mean
from genpolicy_cli import completion, flags
from genpolicy_cli.bench_table import show_figures
from genpolicy_cli.installed import catalogue
from genpolicy_cli.listings import Printed
from genpolicy_cli.option_groups import grouped
from genpolicy_cli.output import err, say
from genpolicy_cli.request import resolved
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
_WHAT: Final = ("steps", "samples", "act", "start")
_STARTS: Final = 3
"""Rounds of whole processes, which take seconds each."""


@grouped
def bench(
    context: typer.Context,
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
    what: Annotated[
        str,
        typer.Option(help=f"What to measure, of {', '.join(_WHAT)}.", metavar="WHAT,WHAT"),
    ] = ",".join(_WHAT),
    rounds: Annotated[
        int,
        typer.Option(help=f"Turns of each; of start at most {_STARTS}.", min=1, metavar="N"),
    ] = 10,
    seconds: Annotated[
        float | None,
        typer.Option(
            help="After so long a piece of work has no further round.", min=0.0, metavar="S"
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
    from genpolicy.devices import choose_device

    wanted, parts = _known(what), catalogue()
    named = {
        "backbone": backbone,
        "network": network,
        "objective": objective,
        "critic": critic,
        "solver": solver,
        "inference": inference,
        "dataset": dataset or _random(sizes, settings or [], config),
    }
    if dataset is not None and sizes is not None:
        raise UsageError(_SIZES_OF_DATA)
    arguments = [*(settings or []), *([] if threads is None else [f"train.threads={threads}"])]
    with err().status("loading parts"):
        found = resolved(
            parts, named=named, arguments=arguments, config=config, recipe=recipe, seed=None
        )
        place, data = choose_device(device), _load(found)
    figures, remarks = _measured(found, data, place, parts, wanted, rounds, seconds)
    run = None
    if not no_record:
        run = _recorded(figures, found, data, place, registry, tag or (), str(context.obj or ""))
    show_figures(figures, run, printed.form, remarks)


def _known(what: str) -> list[str]:
    """Return what is to be measured.

    Raises:
        UsageError: There is no such thing.
    """
    wanted = [name.strip() for name in what.split(",")]
    for name in wanted:
        if name not in _WHAT:
            raise UsageError(
                f"agent bench does not measure {name!r}{did_you_mean(name, _WHAT)}; choose from "
                f"{', '.join(_WHAT)}"
            )
    return wanted


def _random(sizes: str | None, settings: Sequence[str], config: Path | None) -> str | None:
    """Return the name of the random transitions, where no dataset is named among the settings."""
    from genpolicy.composition.layers import from_arguments, from_config

    layers = [from_arguments(settings), *([from_config(config)] if config else [])]
    if {"dataset", "dataset.name"}.isdisjoint(key for layer in layers for key in layer.values):
        return f"random:{sizes or _SIZES}"
    if sizes is not None:
        raise UsageError(_SIZES_OF_DATA)
    return None


def _load(recipe: "AgentRecipe") -> "Dataset":
    from genpolicy.dataset import DatasetRecipe

    return recipe.part("dataset", DatasetRecipe).prepare()


def _measured(
    recipe: "AgentRecipe",
    data: "Dataset",
    place: "torch.device",
    parts: "Catalogue",
    what: Sequence[str],
    rounds: int,
    seconds: float | None,
) -> "tuple[list[Figure], list[str]]":
    """Return what was measured, and what is to be said of it."""
    from genpolicy.bench.contests import contests

    figures: list[Figure] = []
    remarks: list[str] = []
    with err().status("making ready") as status, _first_step(recipe, place) as start:
        for contest in contests(recipe, data, place, parts, what=what, start=start):
            most = rounds if contest.amount is not None else min(rounds, _STARTS)
            figures += _held(contest, most, seconds, status)
            remarks += contest.remarks
            status.update("making ready")
    return figures, list(dict.fromkeys(remarks))


def _held(
    contest: "Contest", rounds: int, seconds: float | None, status: "Status"
) -> "list[Figure]":
    from genpolicy.bench.turns import hold

    done = 0

    def tell() -> None:
        nonlocal done
        status.update(f"measuring {contest.what}: {done} of {count(rounds, 'round')}")
        done += 1

    tell()
    return hold(contest, rounds=rounds, seconds=seconds, told=tell)


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


def _recorded(
    figures: "Sequence[Figure]",
    recipe: "AgentRecipe",
    data: "Dataset",
    place: "torch.device",
    registry: str,
    tags: Sequence[str],
    command: str,
) -> str:
    from genpolicy.runs.benches import record_bench

    with writable(registry) as known:
        return record_bench(
            figures,
            recipe,
            data,
            registry=known,
            device=place,
            tags=tags,
            command=command,
            say=say,
        )
