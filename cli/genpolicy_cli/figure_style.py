"""What the figures have in common."""

from typing import Final, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

WIDTH: Final = 8.0  # inches; 100 dots each on a page of 800
DOTS: Final = 200
TITLE: Final = 72  # characters of a title's line
CAPTION: Final = 136  # characters of a caption's
INK: Final = "#222222"
PALE: Final = "#6e6e6e"
RULE: Final = "#dddddd"
SHADE: Final = "#f5f5f5"
# Okabe and Ito (2008), told apart by all common kinds of colour vision; the palest is left out
COLOURS: Final = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#8A8A8A",
)


def blank(height: float) -> Figure:
    """Return an empty figure, ``height`` inches high."""
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.02)
    return Figure(figsize=(WIDTH, height), dpi=DOTS, layout=layout, facecolor="white")


def dress(axes: Axes, grid: Literal["x", "y"]) -> None:
    """Leave of an axes' frame what is needed, with rules across one of its axes."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.grid(axis=grid, color=RULE, linewidth=0.6)
    axes.tick_params(length=0, labelsize=10, labelcolor=PALE)
    axes.set_axisbelow(True)
