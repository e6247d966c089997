"""``agent datasets``: which there are, making them, measuring their references."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genpolicy.errors import UsageError
from genpolicy_cli import completion, flags, parts
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, out, print_json, say
from genpolicy_cli.results import score_facts, steps_to_goal
from genpolicy_cli.tables import listing
from genpolicy_cli.words import NOTHING, count, interval, share
from genpolicy_cli.writable import writable

if TYPE_CHECKING:
    from genpolicy.composition.agent_recipe import Chosen
    from genpolicy.discovery import Catalogue
    from genpolicy.records import EvaluationRecord

app = typer.Typer(no_args_is_help=True, help="Show, make and measure datasets.")

_Name = Annotated[
    str,
    typer.Argument(
        help="A dataset that can be made, such as pointmaze/umaze.",
        autocompletion=completion.names_of("dataset"),
    ),
]


@app.command("list")
def list_datasets(
    as_json: Annotated[bool, flags.AS_JSON] = False, plugin: flags.Files = None
) -> None:
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
    plugin: flags.Files = None,
) -> None:
    """Make a dataset again, in any size; the same seed gives the same arrays."""
    from genpolicy.dataset_abilities import MadeDataset, WritableDataset

    if (out_file is None) == (minari is None):
        raise UsageError("say where to: --out FILE.npz or --minari ID")
    if out_file is not None and (out_file.exists() or out_file.suffix != ".npz"):
        raise UsageError(f"--out names a new file that ends in .npz; got {str(out_file)!r}")
    found = catalogue()
    place = f"npz:{out_file}" if out_file is not None else f"minari:{minari}"
    target = _dataset(found, place).recipe
    assert isinstance(target, WritableDataset)
    source = _made(found, name).recipe
    assert isinstance(source, MadeDataset)
    with err().status(f"making {name}"):
        data = source.make(transitions=transitions, seed=seed)
        target.write(data)
    out().print(
        f"{place}: {count(len(data), 'transition')} in {count(data.episodes, 'episode')}; "
        f"`agent run --recipe quick --dataset {place}` learns from it",
        soft_wrap=True,
    )


@app.command()
def reference(
    context: typer.Context,
    name: _Name,
    episodes: Annotated[
        int | None,
        typer.Option(help="How many per policy; as many as were published.", min=1),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write each policy into the registry, as a run.")
    ] = False,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="A word to find the recorded runs by.", metavar="WORD"),
    ] = None,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    as_json: Annotated[bool, flags.AS_JSON] = False,
    plugin: flags.Files = None,
) -> None:
    """Measure the returns between which scores are normalised (takes minutes)."""
    if tag and not record:
        raise UsageError("--tag says how to find recorded runs; add --record")
    chosen = _made(catalogue(), name)
    if not record:
        _show_references(_measure(chosen, name, episodes), {}, as_json=as_json)
        return
    from genpolicy.runs.references import record_references

    with writable(registry) as known:
        measured = _measure(chosen, name, episodes)
        command = str(context.obj or "")
        runs = record_references(
            measured, chosen, registry=known, tags=tag or (), command=command, say=say
        )
    scored = {run.policy: run.evaluation for run in runs}
    _show_references(scored, {run.policy: run.run for run in runs}, as_json=as_json)


def _measure(chosen: "Chosen", name: str, episodes: int | None) -> "Mapping[str, EvaluationRecord]":
    from genpolicy.dataset_abilities import MadeDataset
    from genpolicy.runs.references import measure_references

    assert isinstance(chosen.recipe, MadeDataset)
    with err().status(f"measuring {name}"):
        return measure_references(chosen.recipe, episodes=episodes)


def _show_references(
    measured: "Mapping[str, EvaluationRecord]", runs: "Mapping[str, str]", *, as_json: bool
) -> None:
    """Print each policy's score, and its run's id where it was recorded."""
    if as_json:
        run = {policy: {"run": run_id} for policy, run_id in runs.items()}
        facts = {policy: score_facts(record) for policy, record in measured.items()}
        print_json({policy: {**run.get(policy, {}), **facts[policy]} for policy in measured})
        return
    columns = ("policy", "score", "return", "success", "steps to goal", "episodes", "run")
    rows = [
        (
            policy,
            interval(record.score),
            interval(record.return_),
            share(record.success),
            interval(steps_to_goal(record)),
            f"{len(record.episodes):,}",
            runs.get(policy, NOTHING),
        )
        for policy, record in measured.items()
    ]
    out().print(listing(columns, rows))


def _made(found: "Catalogue", name: str) -> "Chosen":
    from genpolicy.dataset_abilities import MadeDataset

    chosen = _dataset(found, name)
    if not isinstance(chosen.recipe, MadeDataset):
        raise UsageError(f"dataset {name!r} is read from elsewhere and cannot be made here")
    return chosen


def _dataset(found: "Catalogue", name: str) -> "Chosen":
    from genpolicy.composition.choosing import choose_part

    return choose_part(found, "dataset", name, {})
