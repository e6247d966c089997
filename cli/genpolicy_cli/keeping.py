"""What the commands share that change what is recorded, or take runs elsewhere."""

from typing import TYPE_CHECKING, Annotated

import typer

from genpolicy.errors import UnknownRunError
from genpolicy_cli import completion
from genpolicy_cli.run_hints import no_such_runs
from genpolicy_cli.run_query import Filters
from genpolicy_cli.writable import writable

if TYPE_CHECKING:
    from genpolicy.registry import Registry, RunSummary

Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help="Ids of runs, or how they begin.",
        autocompletion=completion.runs,
        show_default=False,
    ),
]
"""Argument of the commands that are about some runs."""


def existing(place: str) -> "Registry":
    """Open a registry to be changed, which is not created where there is none.

    Raises:
        RegistryError: It is not there, or cannot be used.
    """
    return writable(place, create=False)


def meant(registry: "Registry", runs: list[str] | None, filters: Filters) -> "list[RunSummary]":
    """Return the runs that are named and fit, oldest first.

    Raises:
        UnknownRunError: A name fits no run, or several; or no run is left.
    """
    ids = registry.find(runs or [])
    fitting = registry.runs(filters.query(reverse=True))
    found = [run for run in fitting if not ids or run.id in ids]
    if not found:
        raise UnknownRunError(no_such_runs(registry, filters))
    return found
