"""``agent runs export``: some runs in a file of their own."""

from pathlib import Path
from typing import Annotated

import typer

from genpolicy_cli import flags
from genpolicy_cli.keeping import Runs, meant
from genpolicy_cli.option_groups import grouped
from genpolicy_cli.output import out, say
from genpolicy_cli.results import shown_path
from genpolicy_cli.run_query import Filters
from genpolicy_cli.words import count


@grouped
def export(
    runs: Runs = None,
    target: Annotated[
        Path,
        typer.Option(
            "--out",
            help="Write this bundle: the records alone as an SQLite registry, or with the agents "
            "as a zip file.",
            metavar="FILE.db|FILE.zip",
            show_default=False,
        ),
    ] = ...,  # type: ignore[assignment]
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints", help="Take the checkpoints along, in a zip file.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    *,
    filters: Filters,
) -> None:
    """Write runs into a bundle, which `agent runs import` takes in and `--registry` reads.

    All runs, unless some are named or described.
    """
    from genpolicy.errors import UsageError
    from genpolicy.registry import Registry
    from genpolicy.registry.bundles import export_runs

    if checkpoints and target.suffix != ".zip":
        raise UsageError(f"only a zip file takes checkpoints along; got {target.name!r}")
    with Registry.open(registry, read_only=True) as opened:
        ids = [run.id for run in meant(opened, runs, filters)]
        remarks = export_runs(opened, ids, target, checkpoints=checkpoints, force=force)
    for remark in remarks:
        say(remark)
    out().print(f"{count(len(ids), 'run')} in {shown_path(target.absolute())}", soft_wrap=True)
