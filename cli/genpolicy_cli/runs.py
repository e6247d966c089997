"""``agent runs``: what the registry knows."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from genpolicy_cli import completion, flags, run_view
from genpolicy_cli.output import out, print_json
from genpolicy_cli.tables import listing
from genpolicy_cli.words import duration, interval, moment, short

if TYPE_CHECKING:
    from genpolicy.registry import RunSummary

State = Literal["queued", "running", "finished", "failed", "interrupted", "lost"]

app = typer.Typer(help="List the recorded runs, or show one.")


@app.callback(invoke_without_command=True)
def list_runs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many at most, the newest.", min=1)] = 20,
    state: Annotated[State | None, typer.Option(help="Only runs in this state.")] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Only runs on this data.",
            metavar="NAME",
            autocompletion=completion.names_of("dataset"),
        ),
    ] = None,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    as_json: Annotated[bool, flags.AS_JSON] = False,
) -> None:
    """List the recorded runs, newest first, or show one with `agent runs show`."""
    if context.invoked_subcommand is not None:
        return
    from genpolicy.registry import Registry

    with Registry.open(registry, read_only=True) as opened:
        found = opened.runs(limit=limit, state=state, dataset=dataset)
    if as_json:
        print_json([_facts(run) for run in found])
    elif not found:
        out().print("no such runs")
    else:
        columns = ("run", "state", "dataset", "objective", "backbone", "seed", "score", "episodes")
        rows = [_row(run) for run in found]
        out().print(listing((*columns, "started", "duration"), rows))


@app.command()
def show(
    run: Annotated[
        str,
        typer.Argument(help="The run's id, or how it begins.", autocompletion=completion.runs),
    ],
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    as_json: Annotated[bool, flags.AS_JSON] = False,
) -> None:
    """Show all that is recorded of a run."""
    from genpolicy.registry import Registry

    with Registry.open(registry, read_only=True) as opened:
        detail = opened.run(run)
    if as_json:
        print_json(run_view.detail_facts(detail))
    else:
        run_view.show_detail(detail)


def _row(run: "RunSummary") -> tuple[str, ...]:
    return (
        run.id,
        run.state,
        run.dataset,
        short(_objective(run) or ""),
        short(run.parts.get("backbone", "")),
        str(run.seed),
        interval(run.score),
        f"{run.episodes:,}" if run.episodes else "",
        moment(run.started),
        duration(run.seconds),
    )


def _objective(run: "RunSummary") -> str | None:
    """Return the objective's full name, or that of a reference policy, in parentheses."""
    return f"({run.reference})" if run.reference else run.parts.get("objective")


def _facts(run: "RunSummary") -> dict[str, Any]:
    return {
        "run": run.id,
        "state": run.state,
        "dataset": run.dataset,
        "objective": _objective(run),
        "backbone": run.parts.get("backbone"),
        "seed": run.seed,
        "score": run.score,
        "episodes": run.episodes,
        "started": run.started,
        "duration": run.seconds,
    }
