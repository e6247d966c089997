"""``agent datasets reference``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genpolicy.errors import UsageError
from genpolicy_cli import completion, flags
from genpolicy_cli.dataset_settings import Name, Settings, chosen_dataset
from genpolicy_cli.output import err, out, print_json, say
from genpolicy_cli.results import score_facts, steps_to_goal
from genpolicy_cli.tables import listing
from genpolicy_cli.words import NOTHING, interval, share
from genpolicy_cli.writable import writable

if TYPE_CHECKING:
    from genpolicy.composition.agent_recipe import Chosen
    from genpolicy.dataset import Reference
    from genpolicy.records import EvaluationRecord


def reference(
    context: typer.Context,
    name: Name,
    settings: Settings = None,
    expert: Annotated[
        str | None,
        typer.Option(
            help="A dataset whose episodes are an expert's: their mean return scores 100.",
            metavar="NAME",
            autocompletion=completion.names_of("dataset"),
        ),
    ] = None,
    episodes: Annotated[
        int | None,
        typer.Option(help="How many per policy; as many as were published, else 100.", min=1),
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
    """Measure the returns between which scores are normalised (takes minutes).

    Random actions score 0, an expert 100. Most datasets know no expert: name data of one.
    """
    if tag and not record:
        raise UsageError("--tag says how to find recorded runs; add --record")
    chosen = chosen_dataset(name, settings or ())
    other = None if expert is None else chosen_dataset(expert, ())
    if not record:
        _show(_measure(chosen, other, episodes), {}, as_json=as_json)
        return
    from genpolicy.runs.references import record_references

    with writable(registry) as known:
        measured = _measure(chosen, other, episodes)
        command = str(context.obj or "")
        runs = record_references(
            measured, chosen, registry=known, tags=tag or (), command=command, say=say
        )
    scored = {run.policy: run.evaluation for run in runs}
    _show(scored, {run.policy: run.run for run in runs}, as_json=as_json)


def _measure(
    chosen: "Chosen", expert: "Chosen | None", episodes: int | None
) -> "dict[str, EvaluationRecord]":
    from genpolicy.dataset import DatasetRecipe
    from genpolicy.runs.measuring import measure_references

    other = expert.recipe if expert else None
    assert isinstance(chosen.recipe, DatasetRecipe)
    assert other is None or isinstance(other, DatasetRecipe)
    with err().status(f"measuring {chosen.name}"):
        return measure_references(chosen.recipe, expert=other, episodes=episodes)


def _show(
    measured: "Mapping[str, EvaluationRecord]", runs: Mapping[str, str], *, as_json: bool
) -> None:
    """Print each policy's score, its run's id where it was recorded, and how to use them."""
    from genpolicy.runs.measuring import reference_between

    between = reference_between(measured)
    if as_json:
        print_json({**_facts(measured, runs), "reference": between and _settings(between)})
        return
    columns = ("policy", "score", "return", "success", "steps to goal", "episodes", "run")
    rows = [_row(policy, record, runs) for policy, record in measured.items()]
    out().print(listing(columns, rows))
    out().print(_advice(measured, between), soft_wrap=True)


def _facts(
    measured: "Mapping[str, EvaluationRecord]", runs: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    run = {policy: {"run": run_id} for policy, run_id in runs.items()}
    facts = {policy: score_facts(record) for policy, record in measured.items()}
    return {policy: {**run.get(policy, {}), **facts[policy]} for policy in measured}


def _row(policy: str, record: "EvaluationRecord", runs: Mapping[str, str]) -> tuple[str, ...]:
    return (
        policy,
        interval(record.score),
        interval(record.return_),
        share(record.success),
        interval(steps_to_goal(record)),
        f"{len(record.episodes):,}",
        runs.get(policy, NOTHING),
    )


def _settings(between: "Reference") -> dict[str, float]:
    return {
        "random_return": between.random_return,
        "expert_return": between.expert_return,
    }


def _advice(measured: "Mapping[str, EvaluationRecord]", between: "Reference | None") -> str:
    """Return what the numbers stand on and what can be done with them."""
    from genpolicy.evaluation.baselines import FROM_DATA

    read = [policy for policy, record in measured.items() if record.protocol == FROM_DATA]
    lines = [f"{' and '.join(read)}: read off the data's episodes, not played again"] * bool(read)
    if between is None:
        lines.append("no expert is known; name data of one with --expert NAME")
    else:
        values = " ".join(f"dataset.{key}={value:g}" for key, value in _settings(between).items())
        lines.append(f"to score runs by these: {values}")
    return "\n".join(lines)
