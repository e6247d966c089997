"""Options that say what `agent bench` measures, and how long."""

from typing import Annotated, Final

import attrs
import typer

from genpolicy.errors import UsageError, did_you_mean

WHAT: Final = ("steps", "samples", "act", "start")
"""What can be measured; :data:`genpolicy.bench.contests.WHAT` without what that imports."""

STARTS: Final = 3
"""The most rounds of whole processes, which take seconds each."""


@attrs.frozen
class Asked:
    """The options; a group for :func:`~genpolicy_cli.option_groups.grouped`."""

    what: Annotated[
        str, typer.Option(help=f"What to measure, of {', '.join(WHAT)}.", metavar="WHAT,WHAT")
    ] = ",".join(WHAT)
    samples: Annotated[
        int, typer.Option(help="Observations in the batch of samples.", min=1, metavar="N")
    ] = 1024
    rounds: Annotated[
        int, typer.Option(help=f"Turns of each; of start at most {STARTS}.", min=1, metavar="N")
    ] = 10
    seconds: Annotated[
        float | None,
        typer.Option(
            help="After so long no piece of work has a further round.", min=0.0, metavar="S"
        ),
    ] = None

    def __attrs_post_init__(self) -> None:
        for name in self.names:
            if name not in WHAT:
                raise UsageError(f"agent bench does not measure {name!r}{did_you_mean(name, WHAT)}")

    @property
    def names(self) -> tuple[str, ...]:
        """What is to be measured."""
        return tuple(name.strip() for name in self.what.split(","))
