"""What data hold as a figure: histograms of returns, lengths, and of a plane of observations."""

from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from genpolicy.data_checks import Summary
from genpolicy_cli.figure_style import CAPTION, COLOURS, INK, PALE, SHADE, TITLE, blank, dress

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEIGHT: Final = 3.9  # inches
BARS: Final = 30
CELLS: Final = 60
_SHADES: Final = LinearSegmentedColormap.from_list("visits", ["#d6e6f2", COLOURS[0], "#00263d"])


def coverage_figure(summary: Summary, name: str) -> Figure:
    """Return the figure of a dataset's returns, lengths and coverage.

    Args:
        summary: What it holds.
        name: What it is called.
    """
    figure = blank(HEIGHT)
    grid = figure.add_gridspec(2, 2, width_ratios=[1.0, 1.25])
    returns, lengths = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    _draw_bars(returns, summary.returns, "return of an episode")
    _draw_bars(lengths, summary.lengths, "steps of an episode")
    _draw_plane(figure, figure.add_subplot(grid[:, 1]), summary)
    _entitle(figure, summary, name)
    return figure


def _draw_bars(axes: Axes, values: "NDArray[np.float64]", what: str) -> None:
    dress(axes, "y")
    axes.hist(values, bins=_bars(values), color=COLOURS[0], edgecolor="white", linewidth=0.4)
    axes.axvline(float(np.median(values)), color=COLOURS[1], linewidth=1.4)
    axes.set_xlabel(what, fontsize=10, color=INK)
    axes.set_ylabel("episodes", fontsize=10, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=_are_whole(values)))
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))


def _bars(values: "NDArray[np.float64]") -> list[float]:
    """Return the edges of the bars: at whole numbers where the values are whole."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return [low + side for side in np.arange(-3.5, 4.0)]
    if _are_whole(values):
        wide = max(1, int(np.ceil((high - low + 1) / BARS)))
        return list(np.arange(low, high + wide + 1, wide) - 0.5)
    return list(np.linspace(low, high, BARS + 1))


def _are_whole(values: "NDArray[np.float64]") -> bool:
    return not (values % 1).any()


def _draw_plane(figure: Figure, axes: Axes, summary: Summary) -> None:
    plane = summary.plane
    x, y = plane.points.T
    style: dict[str, Any] = {"cmap": _SHADES, "norm": LogNorm(), "rasterized": True}
    *_, cells = axes.hist2d(x, y, bins=CELLS, range=plane.window, cmin=1, **style)
    axes.set_facecolor(SHADE)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=10, labelcolor=PALE)
    axes.set_xlabel(plane.names[0], fontsize=10, color=INK)
    axes.set_ylabel(plane.names[1], fontsize=10, color=INK)
    bar = figure.colorbar(cells, ax=axes, fraction=0.05, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=9, labelcolor=PALE, which="both")
    bar.set_label("transitions", fontsize=9, color=PALE)


def _entitle(figure: Figure, summary: Summary, name: str) -> None:
    title = f"{name}: {summary.transitions:,} transitions, {summary.episodes:,} episodes"
    style: dict[str, Any] = {"fontsize": 12, "fontweight": "bold", "color": INK}
    figure.suptitle(fill(title, TITLE), x=0.01, ha="left", **style)
    text = f"rule: median · plane: {summary.plane.what}"
    figure.supxlabel(fill(text, CAPTION), fontsize=8, color=PALE, x=0.99, ha="right")
