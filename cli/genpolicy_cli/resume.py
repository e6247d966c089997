"""``agent resume``."""

from typing import Annotated

import typer

from genpolicy_cli import completion, flags
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, say
from genpolicy_cli.results import show_results
from genpolicy_cli.run import carry_out, refuse_gaps


def resume(
    run: Annotated[
        str,
        typer.Argument(help="The run's id, or how it begins.", autocompletion=completion.runs),
    ],
    device: Annotated[str, flags.device()] = "auto",
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    as_json: Annotated[bool, flags.AS_JSON] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    plugin: flags.Files = None,
) -> None:
    """Go on with a run that was interrupted, killed or failed, from its last checkpoint."""
    from genpolicy.registry import Registry

    with Registry.open(registry, read_only=True) as known:  # a wrong place is not to be created
        detail = known.run(run)
    with Registry.open(registry) as opened:
        with err().status("loading parts and data"):
            from genpolicy.devices import choose_device
            from genpolicy.runs import resumption

            place = choose_device(device)
            taken = resumption.resume(
                detail, registry=opened, catalogue=catalogue(), device=place, say=say
            )
        if not quiet:
            step, total = taken.runner.learner.step, taken.runner.total_steps
            err().print(f"run {detail.id} goes on at step {step:,} of {total:,}, {place}")
        result = carry_out(taken, quiet=quiet)
    show_results([result], as_json=as_json)
    refuse_gaps([result])
