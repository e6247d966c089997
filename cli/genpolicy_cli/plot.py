"""``agent plot``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import attrs
import typer

from genpolicy.errors import UnknownRunError, UsageError
from genpolicy_cli import completion, flags
from genpolicy_cli.comparing import Terms
from genpolicy_cli.option_groups import grouped
from genpolicy_cli.output import out, say
from genpolicy_cli.picture import prepare_picture, write_picture
from genpolicy_cli.run_query import Filters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genpolicy.registry import Registry, RunSummary

Kind = Literal["curves", "scores", "profiles"]

FILES: Final[dict[Kind, str]] = {
    "curves": "learning-curves.png",
    "scores": "scores.png",
    "profiles": "profiles.png",
}


@grouped
def plot(
    filters: Filters,
    terms: Terms,
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Ids of runs, or how they begin; all recorded runs.",
            autocompletion=completion.runs,
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        Kind,
        typer.Option(
            help="Learning curves, final scores with their intervals, or the share of runs above "
            "each score."
        ),
    ] = "curves",
    out_file: Annotated[Path | None, flags.PICTURE] = None,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
) -> None:
    """Draw recorded runs: their learning curves, final scores, or performance profiles.

    Curves are drawn recipe by recipe, the seeds of one as one curve. The others compare groups of
    runs as `agent leaderboard` does, and take the same options.
    """
    file = out_file or Path(FILES[kind])
    prepare_picture(file, "agent plot")
    if kind == "curves" and terms != Terms():
        names = ", ".join(f"--{field.name}" for field in attrs.fields(Terms))
        raise UsageError(f"{names} go with --kind scores or profiles; curves are drawn by recipe")
    from genpolicy.registry import Registry

    with Registry.open(registry, read_only=True) as opened:
        chosen = _chosen(opened, runs or [], filters, settings=terms.settings)
        figure = _curves(opened, chosen) if kind == "curves" else None
    for remark in filters.remarks:
        say(remark)
    write_picture(figure or _compared(kind, chosen, terms), file)
    out().print(str(file), soft_wrap=True)


def _chosen(
    registry: "Registry", names: Sequence[str], filters: Filters, *, settings: bool
) -> "list[RunSummary]":
    """Return the runs that are meant: in the order named, or oldest first."""
    named = registry.find(names)
    wanted = registry.runs(filters.query(ids=named), settings=settings)
    found = {run.id: run for run in reversed(wanted)}
    chosen = [found[name] for name in named or found if name in found]
    if not chosen:
        who = "none of the runs named" if named else f"{registry.name} holds no run"
        fits = " fits these options" if named else " that fits these options"
        raise UnknownRunError(who + fits if filters.given else who)
    return chosen


def _curves(registry: "Registry", chosen: "Sequence[RunSummary]") -> "Figure":
    from genpolicy.comparison.curves import learning_curves
    from genpolicy_cli.curve_figure import curve_figure

    curves = learning_curves([registry.run(run.id) for run in chosen])
    for remark in curves.remarks:
        say(remark)
    return curve_figure(curves)


def _compared(kind: Kind, chosen: "Sequence[RunSummary]", terms: Terms) -> "Figure":
    from genpolicy_cli.profile_figure import profile_figure
    from genpolicy_cli.score_figure import score_figure

    comparison = terms.compared(chosen)
    for remark in (*comparison.remarks, *comparison.warnings):
        say(remark)
    draw = score_figure if kind == "scores" else profile_figure
    return draw(comparison, terms.drawn(chosen))
