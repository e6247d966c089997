"""Draws docs/bandits.png: what each agent of bandits.sh does, beside the policy it aims at."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from bandits_aims import BANDITS, optimum
from bandits_measures import ROOT, Outcome, outcomes
from bandits_table import BETAS, ETAS, is_gtp
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from genpolicy_plugins.datasets.bandits import Points

SHOWN: Final = 1500
EDGE: Final = 2.3
Panels = Mapping[tuple[str, float], Points]


def main() -> None:
    parser = argparse.ArgumentParser(description="What agents do, beside what they aim at.")
    parser.add_argument("--registry", type=Path, default=ROOT / "registry.db")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/bandits.png")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = list(outcomes(given.registry))
    others = rows_of([outcome for outcome in found if not is_gtp(outcome)])
    gtp = rows_of([outcome for outcome in found if is_gtp(outcome)])
    figure = draw({"π*": optima(), **others}, gtp)
    FigureCanvasAgg(figure).print_png(given.out)
    picture = Image.open(given.out).convert("RGB")
    picture.quantize(32).save(given.out, optimize=True)  # few colours: a third of the bytes


def optima() -> Panels:
    """Return actions of pi* itself."""
    generator = np.random.default_rng(0)
    return {(b, beta): optimum(b, beta).draw(SHOWN, generator) for b in BANDITS for beta in BETAS}


def rows_of(found: Sequence[Outcome]) -> dict[str, Panels]:
    """Return each method's actions by bandit and temperature; of several seeds, the first's."""
    rows: dict[str, dict[tuple[str, float], Points]] = {}
    for outcome in found:
        case = outcome.case
        row = rows.setdefault(case.method, {})
        row.setdefault((case.bandit, case.beta), outcome.actions[:SHOWN])
        if is_gtp(outcome):
            aim = rows.setdefault(f"aim of {case.method}", {})
            own = outcome.aim.draw(SHOWN, np.random.default_rng(0))
            aim.setdefault((case.bandit, case.beta), own)
    return rows


def draw(by_beta: Mapping[str, Panels], by_eta: Mapping[str, Panels]) -> Figure:
    """Return the figure: a row per method, a column per bandit and temperature."""
    rows = [*by_beta.items(), *sorted(by_eta.items())]  # an aim before its method
    figure = Figure(figsize=(7.2, 1.15 * len(rows) + 0.4), dpi=110, layout="constrained")
    panels = figure.subplots(len(rows), 6, squeeze=False)
    for line, (method, row) in zip(panels, rows, strict=True):
        values, letter = (ETAS, "η") if method in by_eta else (BETAS, "β")
        columns = [(bandit, value) for bandit in BANDITS for value in values]
        for panel, column in zip(line, columns, strict=True):
            _scatter(panel, row.get(column))
            if method in ("π*", *sorted(by_eta)[:1]):
                panel.set_title(f"{column[0]}, {letter} = {column[1]:g}", fontsize=7)
        line[0].set_ylabel(_short(method), fontsize=7)
    return figure


def _short(method: str) -> str:
    """Return a method without the slots of its options and without its numbers."""
    words = [word.rpartition(".")[2] for word in method.split()]
    return "\n".join([word for word in words if not word.rpartition("=")[2].isdigit()])


def _scatter(panel: Any, actions: Points | None) -> None:
    panel.set(xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE), xticks=[], yticks=[], aspect="equal")
    panel.set_visible(actions is not None)
    if actions is not None:
        panel.scatter(*actions.T, s=0.6, linewidths=0, alpha=0.5)


if __name__ == "__main__":
    main()
