"""``agent resume``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genpolicy.errors import OptionError
from genpolicy_cli import completion, flags, trackers
from genpolicy_cli.execution import carry_out, refuse_gaps
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, say
from genpolicy_cli.results import show_results
from genpolicy_cli.writable import writable

if TYPE_CHECKING:
    from genpolicy.registry import RunDetail


def resume(
    run: Annotated[
        str,
        typer.Argument(help="The run's id, or how it begins.", autocompletion=completion.runs),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="tracker.NAME.KEY=VALUE", help="Options of trackers.", show_default=False
        ),
    ] = None,
    device: Annotated[str, flags.device()] = "auto",
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    tracker: Annotated[list[str] | None, trackers.option()] = None,
    as_json: Annotated[bool, flags.AS_JSON] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    plugin: flags.Files = None,
) -> None:
    """Go on with a run that was interrupted, killed or failed, from its last checkpoint."""
    own, others = trackers.split(settings or [])
    if others:
        raise OptionError(
            f"a resumed run keeps its recipe, and {others[0]!r} would change it; only "
            "tracker.NAME.KEY=VALUE can be set"
        )
    parts = catalogue()
    mirrors = trackers.named_trackers(parts, tracker or [], own)
    with writable(registry, create=False) as open_registry:
        detail = open_registry.run(run)
        _tell_of_gaps(detail)
        with err().status("loading parts and data"):
            from genpolicy.devices import choose_device
            from genpolicy.runs import resumption

            place = choose_device(device)
            taken = resumption.resume(
                detail,
                registry=open_registry,
                catalogue=parts,
                device=place,
                trackers=mirrors,
                say=say,
            )
        if not quiet:
            step, total = taken.runner.learner.step, taken.runner.total_steps
            err().print(f"run {detail.id} goes on at step {step:,} of {total:,}, {place}")
        result = carry_out(taken, quiet=quiet)
    show_results([result], as_json=as_json)
    refuse_gaps([result])


def _tell_of_gaps(detail: "RunDetail") -> None:
    from genpolicy.registry.spill import FILE_NAME

    kept = Path(detail.start.directory) / FILE_NAME
    if kept.exists():
        say(
            f"the registry lacks what is in {str(kept)!r}; once the run is over, "
            f"`agent runs import {kept.parent}` takes it in"
        )
