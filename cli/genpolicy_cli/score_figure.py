"""Final scores as a figure: per dataset, and over all, a dot and its interval for each group."""

import math
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any, Final

import attrs
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from genpolicy.comparison.aggregates import GOAL
from genpolicy.comparison.groups import Comparison, Group, Values
from genpolicy.comparison.leaderboard import Standing, standings
from genpolicy_cli.comparing import intervals_of, on_what
from genpolicy_cli.figure_style import (
    CAPTION,
    COLOURS,
    INK,
    PALE,
    SHADE,
    TITLE,
    blank,
    dress,
)

ROW: Final = 0.24  # inches
FRAME: Final = 0.6  # a panel's title and axis
AROUND: Final = 0.7
ACROSS: Final = 4  # panels beside each other


def score_figure(comparison: Comparison, resamples: int) -> Figure:
    """Return the figure of final scores, the best group at the top.

    Reference policies are left out where there are other groups: random actions would squeeze all
    that is trained into a corner.

    Args:
        comparison: The groups.
        resamples: How many bootstrap resamples the intervals stand on.
    """
    trained = tuple(group for group in comparison.groups if not group.reference)
    shown = attrs.evolve(comparison, groups=trained or comparison.groups)
    rows = standings(shown, resamples=resamples)
    places = _places(rows)
    panels = list(dict.fromkeys(row.dataset for row in rows))
    across = min(ACROSS, len(panels))
    down = math.ceil(len(panels) / across)
    figure = blank(AROUND + down * (FRAME + ROW * len(places)))
    labels = [group.label.replace(",", ", ") for group in _sorted(shown.groups, places)]
    grid = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
    for axes, dataset in zip(grid, panels, strict=False):
        here = {row.values: row for row in rows if row.dataset == dataset}
        for group in (group for group in shown.groups if group.values in here):
            place = places[group.values]
            _draw_runs(axes, group, dataset, place)
            _draw(axes, here[group.values], place)
        _dress(axes, shown, dataset, labels, max(4, 12 // across))
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    _entitle(figure, shown, resamples)
    return figure


def _places(rows: Sequence[Standing]) -> dict[Values, int]:
    """Return the lines of the groups: over all datasets the best first, then by the others."""
    whole = [row for row in rows if row.dataset is None]
    return {
        values: place
        for place, values in enumerate(dict.fromkeys(row.values for row in [*whole, *rows]))
    }


def _sorted(groups: Sequence[Group], places: Mapping[Values, int]) -> list[Group]:
    return sorted(groups, key=lambda group: places[group.values])


def _draw(axes: Axes, row: Standing, place: int) -> None:
    found, colour = row.interquartile_mean, COLOURS[0]
    if math.isfinite(found.half_width):
        bar: dict[str, Any] = {"linewidth": 5.0, "alpha": 0.35, "solid_capstyle": "butt"}
        axes.plot([found.low, found.high], [place, place], color=colour, zorder=3, **bar)
    axes.plot([found.mean], [place], color=colour, marker="o", markersize=6.0, zorder=5)


def _draw_runs(axes: Axes, group: Group, dataset: str | None, place: int) -> None:
    if dataset is not None:
        values = group.cells[dataset].sample.values
        tick: dict[str, Any] = {"marker": "|", "markersize": 7, "markeredgewidth": 0.9}
        axes.plot(values, [place] * len(values), linestyle="none", color=INK, zorder=4, **tick)


def _dress(
    axes: Axes, shown: Comparison, dataset: str | None, labels: Sequence[str], bins: int
) -> None:
    dress(axes, "x")
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(axis="y", labelsize=9.5, labelcolor=INK)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=bins, steps=[1, 2, 5, 10]))
    title = dataset if dataset is not None else f"over {len(shown.datasets)} datasets"
    axes.set_title(title, fontsize=10.5, color=INK, loc="left")
    if dataset is None:
        axes.set_facecolor(SHADE)
    if shown.footing.metric == "score":
        low, high = axes.get_xlim()
        axes.set_xlim(low, max(high, GOAL + 0.02 * (GOAL - low)))
        axes.axvline(GOAL, color=PALE, linewidth=1.0, zorder=1)


def _entitle(figure: Figure, shown: Comparison, resamples: int) -> None:
    title = fill(on_what(shown.footing), TITLE)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    expert = " · rule: expert" if shown.footing.metric == "score" else ""
    text = f"dot: interquartile mean · bar: {intervals_of(resamples)} · ticks: runs{expert}"
    figure.supxlabel(fill(text, CAPTION), fontsize=8, color=PALE, x=0.99, ha="right")
