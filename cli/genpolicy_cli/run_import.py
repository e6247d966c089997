"""``agent runs import``: runs of bundles, other registries and folders."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import attrs
import typer

from genpolicy.errors import RegistryError
from genpolicy_cli import flags
from genpolicy_cli.listings import Column, Printed, show_rows
from genpolicy_cli.option_groups import grouped
from genpolicy_cli.writable import writable

if TYPE_CHECKING:
    from genpolicy.registry.merging import TakenIn


@attrs.frozen
class _Line:
    """What became of a run."""

    source: str
    taken: "TakenIn"


_COLUMNS: Final = (
    Column("run", lambda line: line.taken.run),
    Column("outcome", lambda line: line.taken.outcome),
    Column("message", lambda line: line.taken.message, wraps=True),
    Column("source", lambda line: line.source, wraps=True),
)


@grouped
def import_runs(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Bundles, registries (paths or URLs), or folders of runs that were not wholly "
            "recorded.",
            metavar="SOURCE",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", help="Where runs out of a zip file get their folders.")
    ] = Path("runs"),
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    *,
    printed: Printed,
) -> None:
    """Take runs in, each once; what a run kept beside it while its registry failed, too.

    A run that is there gets what only the other has, and its state where that is further on.
    """
    from genpolicy.registry.imports import Import, check_source

    for source in sources:  # before a registry is created
        check_source(source)
    lines: list[_Line] = []
    try:
        with writable(registry) as opened:
            importing = Import(opened, output)
            for source in sources:
                for taken in importing.take(source):
                    lines.append(_Line(source, taken))
    finally:
        show_rows(lines, _COLUMNS, printed.form)
    refused = sum(line.taken.outcome == "refused" for line in lines)
    if refused:
        raise RegistryError(f"{refused:,} of {len(lines):,} runs were not taken in")
