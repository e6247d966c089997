"""Learning curves as a figure: scores by training step on the left, final scores on the right."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from textwrap import fill
from typing import Any, Final

import attrs
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from genpolicy.comparison.curves import Curve, LearningCurves, Point
from genpolicy_cli.curve_words import caption, curve_label
from genpolicy_cli.figure_style import COLOURS, INK, PALE, SHADE, WIDTH, blank, dress
from genpolicy_cli.words import count

HEIGHT: Final = 4.6  # inches
CLOSE: Final = "#fbf3dd"
EXPERT: Final = 100.0
SHORT: Final = 0.04  # of the whole run: what is shorter is hardly seen
CAPTION: Final = 142  # characters of the caption's line
WIDE: Final = 0.3  # of the curves' height: so far an interval may stretch the axis
LINE: Final = 80  # characters of a legend's line
MARKERS: Final = ("o", "s", "D", "^", "v", "P", "X", "p")
DASHED: Final = (0, (4, 2))
DOTTED: Final = (0, (1, 2))


@attrs.frozen
class Look:
    """How a curve looks."""

    colour: str
    marker: str


def curve_figure(curves: LearningCurves) -> Figure:
    """Return the figure of learning curves.

    A last stage too short to be seen beside the others is shown again in a panel of its own.
    """
    figure = blank(HEIGHT)
    end = _end(curves)
    close = _close_up(curves, end)
    widths = [1.0, *([0.25] if close else []), 0.05 + 0.035 * len(curves.curves)]
    panels = figure.subplots(1, len(widths), sharey=True, width_ratios=widths)
    whole, final = panels[0], panels[-1]
    for number, curve in enumerate(curves.curves):
        look = _look(number)
        _draw_curve(whole, curve, look)
        if close and _is_short(curve, end):
            _draw_curve(panels[1], curve, look)
        _draw_final(final, curve, number, look)
    for axes in panels:
        dress(axes, "y")
    _dress_whole(whole, curves, end)
    _dress_final(final, len(curves.curves))
    if close:
        _dress_close_up(panels[1], whole, close)
    if curves.unit == "score":
        _draw_expert(panels)
    _entitle(figure, curves)
    return figure


def _look(number: int) -> Look:
    return Look(COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)])


def _end(curves: LearningCurves) -> int:
    return max(seed.last_step for curve in curves.curves for seed in curve.seeds)


def _is_short(curve: Curve, end: int) -> bool:
    """Whether a curve's last stage, after others, is too short to be seen."""
    if len(curve.mean) < 2:
        return False
    points = curve.mean[-1].points
    return 0 < points[-1].step - points[0].step < SHORT * end


def _close_up(curves: LearningCurves, end: int) -> tuple[int, int] | None:
    """Return the steps of the last stages that are too short to be seen, if they lie together."""
    short = [curve.mean[-1].points for curve in curves.curves if _is_short(curve, end)]
    if not short:
        return None
    first, last = min(points[0].step for points in short), max(points[-1].step for points in short)
    return (first, last) if last - first < SHORT * end else None


def _draw_curve(axes: Axes, curve: Curve, look: Look) -> None:
    if len(curve.seeds) > 1:
        for stretch in (stretch for seed in curve.seeds for stretch in seed.stretches):
            _line(axes, stretch.points, look, linewidth=0.8, alpha=0.3, zorder=2)
    for stretch in curve.mean[:-1]:
        _line(axes, stretch.points, look, linewidth=1.8, linestyle=DASHED, zorder=4)
    for stretch in curve.mean[-1:]:
        _line(axes, stretch.points, look, linewidth=2.2, zorder=5)
        _line(axes, stretch.points[-1:], look, marker=look.marker, markersize=5, zorder=6)
    for before, after in pairwise(curve.mean):
        ends = (before.points[-1], after.points[0])
        _line(axes, ends, look, linewidth=1.4, linestyle=DOTTED, zorder=3)


def _line(axes: Axes, points: Sequence[Point], look: Look, **style: Any) -> None:
    steps = [point.step / 1000 for point in points]
    axes.plot(steps, [point.value for point in points], color=look.colour, **style)


def _draw_final(axes: Axes, curve: Curve, place: int, look: Look) -> None:
    final = curve.final
    if final is None or not math.isfinite(final.mean):
        return
    if math.isfinite(final.half_width):
        axes.plot([place, place], [final.low, final.high], color=look.colour, linewidth=1.8)
    axes.plot(
        [place],
        [final.mean],
        color=look.colour,
        marker=look.marker,
        markersize=7,
        markeredgecolor="white",
        markeredgewidth=0.8,
        zorder=5,
    )


def _dress_whole(axes: Axes, curves: LearningCurves, end: int) -> None:
    axes.set_xlim(0, 1.01 * end / 1000)
    axes.set_xlabel("training steps (thousands)", fontsize=10.5, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_ylim(*_limits(curves))
    unit = "normalised score" if curves.unit == "score" else "return"
    axes.set_ylabel(unit, fontsize=10.5, color=INK)


def _limits(curves: LearningCurves) -> tuple[float, float]:
    """Return the ends of the vertical axis, which very wide intervals may leave."""
    seeds = [seed for curve in curves.curves for seed in curve.seeds]
    points = [point for seed in seeds for stretch in seed.stretches for point in stretch.points]
    finals = [curve.final for curve in curves.curves if curve.final is not None]
    values = [*(point.value for point in points), *(final.mean for final in finals)]
    values = [value for value in values if math.isfinite(value)]
    values += [EXPERT] if curves.unit == "score" else []
    bars = [end for final in finals for end in (final.low, final.high) if math.isfinite(end)]
    lowest, highest = min(values, default=0.0), max(values, default=1.0)
    span = (highest - lowest) or 1.0
    low = max(min(lowest, *bars, lowest), lowest - WIDE * span)
    high = min(max(highest, *bars, highest), highest + WIDE * span)
    return low - 0.05 * span, high + 0.05 * span


def _dress_close_up(axes: Axes, whole: Axes, steps: tuple[int, int]) -> None:
    first, last = (step / 1000 for step in steps)
    margin = 0.04 * (last - first)
    axes.set_xlim(first - margin, last + margin)
    axes.set_xticks([first, last], [f"{first:g}", f"{last:g}"])
    left, right = axes.get_xticklabels()
    left.set_horizontalalignment("left")
    right.set_horizontalalignment("right")
    axes.set_xlabel(f"last {count(steps[1] - steps[0], 'step')}", fontsize=10.5, color=INK)
    for panel in (axes, whole):
        panel.axvspan(first - margin, last + margin, color=CLOSE, linewidth=0, zorder=0)


def _dress_final(axes: Axes, curves: int) -> None:
    axes.set_facecolor(SHADE)
    axes.set_xlim(-0.7, curves - 0.3)
    axes.set_xticks([])
    axes.set_xlabel("final", fontsize=10.5, color=INK)


def _draw_expert(panels: Sequence[Axes]) -> None:
    for axes in panels:
        axes.axhline(EXPERT, color=PALE, linewidth=1.0, zorder=1)
    panels[0].annotate(
        "expert = 100",
        (0, EXPERT),
        xycoords=("axes fraction", "data"),
        xytext=(4, 3),
        textcoords="offset points",
        fontsize=9.5,
        color=PALE,
    )


def _entitle(figure: Figure, curves: LearningCurves) -> None:
    handles = [*_handles(curves)]
    longest = max(len(str(handle.get_label())) for handle in handles)
    figure.legend(
        handles=handles,
        title=f"{curves.dataset}, protocol {curves.protocol}",
        title_fontproperties={"size": 13, "weight": "bold"},
        alignment="left",
        loc="outside upper left",
        ncols=max(1, min(4, int(WIDTH / (0.6 + 0.08 * longest)))),
        frameon=False,
        borderpad=0.1,
        fontsize=10,
        labelcolor=INK,
        handlelength=2.2,
    )
    figure.supxlabel(
        fill(caption(curves), CAPTION), fontsize=8, color=PALE, x=0.99, horizontalalignment="right"
    )


def _handles(curves: LearningCurves) -> Iterator[Line2D]:
    for number, curve in enumerate(curves.curves):
        look, label = _look(number), fill(curve_label(curve), LINE)
        yield Line2D([], [], color=look.colour, marker=look.marker, linewidth=2.2, label=label)
    stages = [stretch.stage for curve in curves.curves for stretch in curve.mean[:-1]]
    if stages:
        label = f"{', '.join(dict.fromkeys(stages))} stage"
        yield Line2D([], [], color=PALE, linewidth=1.8, linestyle=DASHED, label=label)
