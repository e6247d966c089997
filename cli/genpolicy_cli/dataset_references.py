"""``agent datasets reference``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from genpolicy.errors import UsageError
from genpolicy_cli import flags
from genpolicy_cli.dataset_choice import MadeName, made_dataset
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, out, print_json, say
from genpolicy_cli.results import score_facts, steps_to_goal
from genpolicy_cli.tables import listing
from genpolicy_cli.words import NOTHING, interval, share
from genpolicy_cli.writable import writable

if TYPE_CHECKING:
    from genpolicy.composition.agent_recipe import Chosen
    from genpolicy.records import EvaluationRecord


def reference(
    context: typer.Context,
    name: MadeName,
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
    chosen = made_dataset(catalogue(), name)
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
