"""Performance profiles as a figure: which share of the runs scores above each threshold."""

from collections.abc import Sequence
from textwrap import fill
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from genpolicy.comparison.aggregates import GOAL
from genpolicy.comparison.groups import Comparison
from genpolicy.comparison.profiles import Profile, profiles
from genpolicy_cli.comparing import UNITS, intervals_of, on_what
from genpolicy_cli.figure_style import CAPTION, COLOURS, INK, PALE, TITLE, blank, dress
from genpolicy_cli.words import count

HEIGHT: Final = 4.6  # inches
GREY: Final = "#c8c8c8"
TOLD: Final = 4  # bands that the eye keeps apart
STYLES: Final = ("-", (0, (6, 2)), (0, (1, 1)), (0, (6, 2, 1, 2)))


def profile_figure(comparison: Comparison, resamples: int) -> Figure:
    """Return the figure of performance profiles.

    The best few have colours and bands; the others are there in grey.

    Args:
        comparison: The groups; those without runs on every dataset, and reference policies, are
            left out.
        resamples: How many bootstrap resamples the bands stand on.
    """
    found = profiles(comparison, resamples)
    figure = blank(HEIGHT)
    axes = figure.subplots()
    for profile in found[TOLD:]:
        _line(axes, profile, color=GREY, linewidth=1.0, zorder=2)
    for place, profile in enumerate(found[:TOLD]):
        _draw(axes, profile, place)
    _dress(axes, comparison, found)
    _entitle(figure, comparison, found, resamples)
    return figure


def _line(axes: Axes, profile: Profile, **style: Any) -> None:
    axes.plot(profile.thresholds, profile.shares, drawstyle="steps-post", **style)


def _draw(axes: Axes, profile: Profile, place: int) -> None:
    colour, band = COLOURS[place], (profile.thresholds, profile.low, profile.high)
    axes.fill_between(*band, step="post", color=colour, alpha=0.15, linewidth=0, zorder=3)
    _line(
        axes,
        profile,
        color=colour,
        linestyle=STYLES[place],
        linewidth=2.0,
        label=profile.group.label.replace(",", ", "),
        zorder=9 - place,
    )


def _dress(axes: Axes, comparison: Comparison, found: Sequence[Profile]) -> None:
    dress(axes, "y")
    unit = UNITS[comparison.footing.metric]
    axes.set_xlabel(f"{unit} τ", fontsize=10.5, color=INK)
    axes.set_ylabel("share of runs above τ", fontsize=10.5, color=INK)
    axes.set_xlim(found[0].thresholds[0], found[0].thresholds[-1])
    axes.set_ylim(0.0, 1.01)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    if _expert_is_seen(comparison, found):
        axes.axvline(GOAL, color=PALE, linewidth=1.0, zorder=1)


def _expert_is_seen(comparison: Comparison, found: Sequence[Profile]) -> bool:
    first, *_, last = found[0].thresholds
    return comparison.footing.metric == "score" and first <= GOAL <= last


def _entitle(figure: Figure, comparison: Comparison, found: Sequence[Profile], n: int) -> None:
    (axes,) = figure.axes
    handles = axes.get_legend_handles_labels()[0]
    if len(found) > TOLD:
        others = count(len(found) - TOLD, "other")
        handles.append(Line2D([], [], color=GREY, linewidth=1.1, label=others))
    figure.legend(
        handles=handles,
        title=fill(f"{_where(comparison)}: {on_what(comparison.footing)}", TITLE),
        title_fontproperties={"size": 12, "weight": "bold"},
        alignment="left",
        loc="outside upper left",
        ncols=4,
        frameon=False,
        borderpad=0.1,
        fontsize=10,
        labelcolor=INK,
        handlelength=2.6,
    )
    expert = " · rule: expert = 100" if _expert_is_seen(comparison, found) else ""
    text = f"band: {intervals_of(n)}{expert}"
    figure.supxlabel(fill(text, CAPTION), fontsize=8, color=PALE, x=0.99, ha="right")


def _where(comparison: Comparison) -> str:
    several = len(comparison.datasets) > 1
    return f"over {len(comparison.datasets)} datasets" if several else comparison.datasets[0]
