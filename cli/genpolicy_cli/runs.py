"""``agent runs``: what the registry knows."""

from typing import TYPE_CHECKING, Annotated

import typer

from genpolicy_cli import completion, flags, run_columns, run_view
from genpolicy_cli.listings import Printed, show_rows
from genpolicy_cli.option_groups import grouped
from genpolicy_cli.run_hints import no_such_runs
from genpolicy_cli.run_query import Filters
from genpolicy_cli.words import count

if TYPE_CHECKING:
    from genpolicy.registry import Registry, RunQuery

app = typer.Typer(help="List the recorded runs, show one, or compare, ask, keep and clear them.")


@app.callback(invoke_without_command=True)
@grouped
def list_runs(
    context: typer.Context,
    filters: Filters,
    sort: Annotated[
        str,
        typer.Option(
            help="Sort by this column; times and results from the largest.",
            metavar="COLUMN",
            autocompletion=completion.sorts,
        ),
    ] = "created",
    reverse: Annotated[bool, typer.Option("--reverse", help="Turn the order round.")] = False,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, metavar="N")] = 20,
    columns: Annotated[
        str | None,
        typer.Option(
            help=f"Which columns, with commas between: {', '.join(run_columns.NAMES)}; and options "
            "such as objective.beta.",
            metavar="NAMES",
            autocompletion=completion.columns,
            show_default=False,
        ),
    ] = None,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    *,
    printed: Printed,
) -> None:
    """List the recorded runs, newest first, or show one with `agent runs show`."""
    if context.invoked_subcommand is not None:
        return
    from genpolicy.registry import SORTS, Registry

    shown = run_columns.chosen(columns)
    run_columns.check_known(sort, SORTS, "cannot be sorted by")
    wanted = filters.query(sort=sort, reverse=reverse, limit=limit)
    with Registry.open(registry, read_only=True) as opened:
        found = opened.runs(wanted, settings=run_columns.tell_settings(shown))
        remark = _remark(opened, wanted, len(found), filters)
    run_columns.check_settings(shown, found)
    show_rows(found, shown, printed.form, remarks=remark)


@app.command()
@grouped
def show(
    run: Annotated[str, flags.RUN],
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    *,
    printed: Printed,
) -> None:
    """Show all that is recorded of a run."""
    from genpolicy.registry import Registry, RunQuery

    with Registry.open(registry, read_only=True) as opened:
        detail = opened.run(run)
        alike = opened.runs(RunQuery(ids=(detail.id,)))
    summary = next(found for found in alike if found.id == detail.id)
    run_view.show_run(detail, summary, printed.form)


def _remark(
    registry: "Registry", wanted: "RunQuery", found: int, filters: Filters
) -> tuple[str, ...]:
    """Return what to say of runs that are not listed."""
    if not found:
        return (no_such_runs(registry, filters),)
    every = registry.count(wanted) if found == wanted.limit else found
    if every == found:
        return ()
    return (f"{found:,} of {count(every, 'run')}; --limit {every} shows all",)
