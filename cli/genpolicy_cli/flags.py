"""Options that several commands share."""

from typing import Any, Final

import typer

from genpolicy_cli import completion

REGISTRY: Final = "registry.db"

AS_JSON: Final[Any] = typer.Option("--json", help="Print JSON.")

PICTURE: Final[Any] = typer.Option("--out", help="Write this picture.", metavar="FILE.png|FILE.svg")


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


def registry(panel: str | None = None) -> Any:
    """Return the option that names a registry."""
    return typer.Option(
        "--registry",
        help="Path or SQLAlchemy URL of the run registry.",
        metavar="PLACE",
        envvar="AGENT_REGISTRY",
        rich_help_panel=panel,
    )
