"""Options that say how runs are compared."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import attrs
import typer

from genpolicy.comparison.footing import Metric
from genpolicy.records import Selection
from genpolicy_cli.words import count

if TYPE_CHECKING:
    from genpolicy.comparison.footing import Footing
    from genpolicy.comparison.groups import Comparison
    from genpolicy.registry import RunSummary

UNITS: Final[dict[Metric, str]] = {
    "score": "normalised score",
    "return": "return",
    "success": "episodes solved (%)",
}

_MANY: Final = 5000
_PANEL: Final = "How they are compared"


def _option(help: str, metavar: str | None = None, **limits: Any) -> Any:
    return typer.Option(help=help, metavar=metavar, rich_help_panel=_PANEL, **limits)


@attrs.frozen
class Terms:
    """The options; a group for :func:`~genpolicy_cli.option_groups.grouped`."""

    by: Annotated[
        str,
        _option(
            "What tells rows apart: kinds of parts, options such as objective.beta, or recipe for "
            "all settings.",
            "KEY,…",
        ),
    ] = "objective,backbone"
    metric: Annotated[Metric, _option("What to compare.")] = "score"
    protocol: Annotated[
        str | None,
        _option("Only runs scored by this protocol; the one that most runs have.", "NAME"),
    ] = None
    selection: Annotated[
        Selection | None,
        _option("Only scores of this checkpoint; the one that most runs have."),
    ] = None
    resamples: Annotated[
        int | None,
        _option(
            "How many bootstrap resamples the intervals stand on; 2000, or 1000 of over 5000 runs.",
            "N",
            min=100,
            max=100_000,
        ),
    ] = None

    @property
    def settings(self) -> bool:
        """Whether runs must be read with their settings to be compared so."""
        return "." in self.by

    def drawn(self, runs: "Sequence[RunSummary]") -> int:
        """Return how many resamples there are to be."""
        from genpolicy.comparison.resampling import RESAMPLES

        return self.resamples or (RESAMPLES if len(runs) <= _MANY else RESAMPLES // 2)

    def compared(self, runs: "Sequence[RunSummary]") -> "Comparison":
        """Return the runs side by side.

        Raises:
            UsageError: None may be compared, or they cannot be grouped so.
        """
        from genpolicy.comparison.footing import comparable
        from genpolicy.comparison.groups import compared

        field = comparable(
            runs, metric=self.metric, protocol=self.protocol, selection=self.selection
        )
        return compared(field, [key.strip() for key in self.by.split(",") if key.strip()])


def on_what(footing: "Footing") -> str:
    """Return what all that is compared has in common."""
    unit = UNITS[footing.metric]
    return f"{unit}, protocol {footing.protocol}, selection {footing.selection}"


def intervals_of(resamples: int) -> str:
    """Return what the intervals stand on."""
    return f"95 % intervals of {count(resamples, 'bootstrap resample')} over seeds and episodes"
