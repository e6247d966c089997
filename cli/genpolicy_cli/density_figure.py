"""What models learned as a figure: each a row of data, samples, trajectories and density."""

from collections.abc import Iterator, Sequence
from textwrap import fill
from typing import Final

import attrs
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from genpolicy.comparison.portrait import ESTIMATED_FROM, Frame, Portrait, Travel
from genpolicy.composition.agent_recipe import AgentRecipe, Chosen
from genpolicy.dataset import Floats
from genpolicy.recipe import options_of, recipe_values
from genpolicy_cli.figure_style import COLOURS, DOTS, INK, PALE, RULE, WIDTH
from genpolicy_cli.words import count, option_value

SIDE: Final = 1.95  # inches of a panel, as high as it is wide
LABEL: Final = 26  # characters of a row's label
DOT: Final = 1.6
BRIGHT: Final = 0.998  # share of the cells that are not darker than the darkest colour
SHADES: Final = LinearSegmentedColormap.from_list(
    "shades", ["#ffffff", "#cfe3f1", "#6fb0d8", COLOURS[0], "#06304d"]
)
WAYS: Final[dict[Travel, str]] = {
    "ode": "along the ODE",
    "jumps": "jumps from noise",
    "straight": "noise to sample",
}


@attrs.frozen(eq=False, kw_only=True)
class Row:
    """What is drawn of one agent.

    Args:
        recipe: What it is made of, with the solver that drew its samples.
        points: Some of its data, ``[points, 2]``.
        frame: The square that is shown.
        portrait: What it learned.
    """

    recipe: AgentRecipe
    points: Floats
    frame: Frame
    portrait: Portrait


def density_figure(rows: Sequence[Row]) -> Figure:
    """Return the figure of what models learned, one row each."""
    layout = ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.05, wspace=0.0, hspace=0.0)
    size = (WIDTH, 0.25 + len(rows) * (SIDE + 0.2))
    figure = Figure(figsize=size, dpi=DOTS, layout=layout, facecolor="white")
    for row, panels in zip(rows, figure.subplots(len(rows), 4, squeeze=False), strict=True):
        for axes in panels:
            _dress(axes, row.frame)
        _draw(row, panels, _darkest(row, rows))
        _label(panels[0], row.recipe)
    return figure


def _draw(row: Row, panels: Sequence[Axes], darkest: float) -> None:
    data, samples, ways, density = panels
    portrait, solver = row.portrait, solver_label(row.recipe)
    _title(data, row.recipe.chosen["dataset"].name)
    _scatter(data, row.points, PALE)
    _title(samples, f"samples, {solver}")
    _scatter(samples, portrait.samples, COLOURS[0])
    _title(ways, WAYS[portrait.travel])
    _draw_ways(ways, portrait.paths)
    exact = portrait.travel == "ode"
    _title(density, "density" if exact else f"density of {count(ESTIMATED_FROM, 'sample')}")
    density.imshow(
        portrait.density,
        extent=row.frame.edges,
        origin="lower",
        interpolation="bilinear",
        cmap=SHADES,
        vmin=0.0,
        vmax=darkest,
    )


def _darkest(row: Row, rows: Sequence[Row]) -> float:
    """Return the density that is darkest: the same in all rows of the same data."""
    name = row.recipe.chosen["dataset"].name
    alike = [other for other in rows if other.recipe.chosen["dataset"].name == name]
    return float(np.median([np.quantile(one.portrait.density, BRIGHT) for one in alike])) or 1.0


def _draw_ways(axes: Axes, paths: Floats) -> None:
    lines = LineCollection(
        list(paths.swapaxes(0, 1)), colors=PALE, linewidths=0.6, alpha=0.45, zorder=2
    )
    axes.add_collection(lines, autolim=False)
    axes.scatter(
        paths[0, :, 0],
        paths[0, :, 1],
        s=5,
        facecolors="white",
        edgecolors=PALE,
        linewidths=0.6,
        zorder=3,
    )
    axes.scatter(paths[-1, :, 0], paths[-1, :, 1], s=6, color=COLOURS[0], linewidths=0, zorder=4)


def _scatter(axes: Axes, points: Floats, colour: str) -> None:
    axes.scatter(
        points[:, 0], points[:, 1], s=DOT, color=colour, alpha=0.6, linewidths=0, rasterized=True
    )


def _dress(axes: Axes, frame: Frame) -> None:
    left, right, lower, upper = frame.edges
    axes.set_xlim(left, right)
    axes.set_ylim(lower, upper)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(RULE)


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=9, color=PALE, pad=4)


def _label(axes: Axes, recipe: AgentRecipe) -> None:
    axes.set_ylabel(fill(row_label(recipe), LABEL), fontsize=10.5, color=INK, weight="bold")


def row_label(recipe: AgentRecipe) -> str:
    """Return what a row is called: the backbone, with its options that are no defaults."""
    chosen = recipe.chosen[recipe.slot_of(recipe.objective.acting_role, "backbone")]
    return " ".join([chosen.name, *_changes(chosen)])


def solver_label(recipe: AgentRecipe) -> str:
    """Return what a user types for the solver of the samples, such as ``"midpoint:10"``."""
    chosen = recipe.chosen[recipe.slot_of(recipe.objective.acting_role, "solver")]
    argument = chosen.recipe.argument
    value = "" if argument is None else f":{option_value(getattr(chosen.recipe, argument))}"
    return f"{chosen.name}{value}"


def _changes(chosen: Chosen) -> Iterator[str]:
    known = options_of(type(chosen.recipe))
    for name, value in recipe_values(chosen.recipe).items():
        if getattr(chosen.recipe, name) != known[name].default:
            yield f"{name}={option_value(value)}"
