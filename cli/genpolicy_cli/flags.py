"""Options that several commands share."""

import os
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from genpolicy_cli import completion

REGISTRY: Final = "registry.db"

AS_JSON: Final[Any] = typer.Option("--json", help="Print JSON.")

RUN: Final[Any] = typer.Argument(
    metavar="RUN", help="The run's id, or how it begins.", autocompletion=completion.runs
)

PICTURE: Final[Any] = typer.Option("--out", help="Write this picture.", metavar="FILE.png|FILE.svg")


def name_files(context: typer.Context, paths: list[Path] | None) -> list[Path] | None:
    """Let this process and its children find the files, for as long as the command lasts."""
    if paths:
        from genpolicy.discovery import files

        before = os.environ.get(files.FILES)
        files.name_files(paths)
        if not context.resilient_parsing:  # a completion looks parts up after this context closes
            context.call_on_close(lambda: _put_back(files.FILES, before))
    return paths


def _put_back(variable: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = value


Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        help="A Python file with parts that are not packaged; may be given again.",
        metavar="FILE.py",
        callback=name_files,
        is_eager=True,
        show_default=False,
    ),
]
"""Option of every command that looks parts up; naming the files is all that it does."""


def part(kind: str, panel: str | None = None) -> Any:
    """Return the option that names a part of a kind."""
    article = "an" if kind[0] in "aeio" else "a"
    return typer.Option(
        f"--{kind}",
        help=f"Name of {article} {kind}; `agent list {kind}`.",
        metavar="NAME",
        autocompletion=completion.names_of(kind),
        rich_help_panel=panel,
    )


def device(panel: str | None = None) -> Any:
    """Return the option that names a device."""
    return typer.Option(
        "--device", help="auto, cpu, cuda or cuda:N.", metavar="NAME", rich_help_panel=panel
    )


def protocol(panel: str | None = None) -> Any:
    """Return the option that names an evaluation protocol."""
    return typer.Option(
        "--protocol",
        help="How the agent is scored: default, d4rl-last, fql or best.",
        metavar="NAME",
        autocompletion=completion.protocols,
        rich_help_panel=panel,
    )


def eval_workers(panel: str | None = None) -> Any:
    """Return the option that says how many processes score beside the one that trains."""
    return typer.Option(
        "--eval-workers",
        help="Processes beside the training one that play looks and scores; 0 for none.",
        min=0,
        metavar="N",
        rich_help_panel=panel,
    )


def registry(panel: str | None = None) -> Any:
    """Return the option that names a registry."""
    return typer.Option(
        "--registry",
        help="Path or SQLAlchemy URL of the run registry.",
        metavar="PLACE",
        envvar="AGENT_REGISTRY",
        rich_help_panel=panel,
    )


SOLVER: Final[Any] = typer.Option(
    "--solver",
    help="Act by another solver than it was trained with, such as heun:4.",
    metavar="NAME",
    autocompletion=completion.names_of("solver"),
)

STEPS: Final[Any] = typer.Option(
    "--steps", help="How many steps the solver takes.", metavar="N", min=1
)
