"""Flow maps as a figure: where their samples fall, by grid, and the maps themselves."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator
from torch import Tensor

from genpolicy_cli.curve_figure import DASHED
from genpolicy_cli.figure_style import COLOURS, DOTS, INK, PALE, RULE, SHADE

SIZE: Final = (9.0, 5.6)  # inches
ROWS: Final = ("VE, T = 80", "VE, T = 5")
GRIDS: Final = (10, 160)
CAPTION: Final = (
    "Exact optima, no network. Two modes at ±0.8 of width 0.05; a sample is at a mode if within "
    "0.2 of it.\nu: the point of the grid after t that teaches t. Euler and Heun step with the "
    "exact velocity. Noise from N(0, T²)."
)
LOOKS: Final = {
    "data": ("data, u the next point", COLOURS[0], "o"),
    "data, u uniform": ("data, u any point", COLOURS[1], "s"),
    "euler": ("Euler", COLOURS[2], "D"),
    "heun": ("Heun", COLOURS[3], "^"),
}


def draw(found: Sequence[Any], truth: Mapping[str, Tensor], noise: Tensor) -> Figure:
    """Return the figure.

    Args:
        found: The results.
        truth: Where the ODE takes ``noise``, by setting.
        noise: Quantiles of a standard normal.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.06, wspace=0.02, hspace=0.03)
    figure = Figure(figsize=SIZE, dpi=DOTS, layout=layout, facecolor="white")
    panels = figure.subplots(len(ROWS), 4, width_ratios=(1.15, 1.15, 1, 1))
    for row, name in zip(panels, ROWS, strict=True):
        here = [result for result in found if result.setting == name]
        for axes, jumps in zip(row[:2], (1, 2), strict=True):
            _draw_shares(axes, here, jumps)
        for axes, steps in zip(row[2:], GRIDS, strict=True):
            _draw_maps(axes, [r for r in here if r.steps == steps], truth[name], noise)
        row[0].set_ylabel(f"{name}\nsamples at a mode", fontsize=10, color=INK)
        row[2].set_ylabel("sample", fontsize=10, color=INK)
        for axes in (row[1], row[3]):
            axes.tick_params(labelleft=False)
    _head(panels[0])
    _foot(panels[-1])
    figure.legend(
        handles=_handles(),
        loc="outside upper left",
        ncols=len(LOOKS) + 1,
        frameon=False,
        borderpad=0.1,
        fontsize=9.5,
        labelcolor=INK,
        handlelength=2.0,
        columnspacing=1.8,
    )
    figure.supxlabel(CAPTION, fontsize=8, color=PALE, x=0.99, horizontalalignment="right")
    return figure


def _draw_shares(axes: Axes, here: Sequence[Any], jumps: int) -> None:
    for teacher, (_, colour, marker) in LOOKS.items():
        curve = [r for r in here if r.teacher == teacher]
        steps, shares = [r.steps for r in curve], [100 * r.share[jumps] for r in curve]
        axes.plot(steps, shares, color=colour, marker=marker, markersize=4, linewidth=1.8)
    _dress(axes)
    axes.set_xscale("log")
    axes.set_xlim(8, 1600)
    axes.xaxis.set_major_locator(FixedLocator([10, 40, 160, 640]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_ylim(-4, 104)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")


def _draw_maps(axes: Axes, here: Sequence[Any], truth: Tensor, noise: Tensor) -> None:
    axes.set_facecolor(SHADE)
    axes.plot(noise, truth, color=INK, linewidth=1.2, linestyle=DASHED, zorder=5)
    for result in here:
        axes.plot(noise, result.curve, color=LOOKS[result.teacher][1], linewidth=1.8)
    _dress(axes)
    axes.set_xlim(-2.2, 2.2)
    axes.set_ylim(-1.15, 1.15)
    axes.yaxis.set_major_locator(FixedLocator([-0.8, 0, 0.8]))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}"))


def _dress(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.tick_params(length=0, labelsize=9, labelcolor=PALE)
    axes.set_axisbelow(True)


def _head(row: Sequence[Axes]) -> None:
    titles = ("one jump", "two jumps", *(f"one jump, N = {steps}" for steps in GRIDS))
    for axes, title in zip(row, titles, strict=True):
        axes.set_title(title, fontsize=10.5, color=INK, loc="left")


def _foot(row: Sequence[Axes]) -> None:
    labels = ("N, steps of the grid",) * 2 + ("noise / T",) * 2
    for axes, label in zip(row, labels, strict=True):
        axes.set_xlabel(label, fontsize=10, color=INK)


def _handles() -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=5, linewidth=1.8, label=label)
        for label, colour, marker in LOOKS.values()
    ]
    truth = Line2D([], [], color=INK, linewidth=1.2, linestyle=DASHED, label="the ODE itself")
    return [*handles, truth]
