"""Measures the flow maps that teachers teach on two narrow modes, and prints and draws them.

    python benchmarks/bimodal.py --out docs/bimodal.png

No network and no sampling: see ``bimodal_maps.py``. Samples are quantiles of the prior after K
jumps between the stops at which the solver ``jump:K`` halts.
"""

import argparse
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import linear_regression
from typing import Final

import attrs
import torch
from bimodal_maps import MODES, STD, FlowMap, Line, SolverMap, euler, heun, learn
from torch import Tensor

from genpolicy.path import GaussianPath, Grid, LinearPath, VEPath

NEAR: Final = 0.2  # so far from a mode a sample still counts as one of it
JUMPS: Final = (1, 2, 5)


@attrs.frozen
class Setting:
    """A path with the grid on which a map is trained."""

    name: str
    path: GaussianPath
    grid: Grid = "karras"


SETTINGS: Final = (
    Setting("VE, T = 80", VEPath(sigma_max=80.0)),
    Setting("VE, T = 5", VEPath(sigma_max=5.0)),
    Setting("linear, Karras grid", LinearPath()),
    Setting("linear, uniform grid", LinearPath(), "uniform"),
)
STEPS: Final = {
    "data": (10, 20, 40, 80, 160, 320, 640, 1280),
    "data, u uniform": (10, 40, 160),
    "euler": (10, 20, 40, 80, 160),
    "heun": (10, 20, 40, 80, 160),
}
TOLD: Final = {
    "data": (10, 40, 160, 1280),
    "data, u uniform": (10, 160),
    "euler": (10, 40),
    "heun": (10, 40),
}
COARSE: Final = 601  # points of a line for the teacher of many long steps, which blurs by itself


@attrs.frozen(eq=False)
class Taught:
    """What a teacher teaches in a setting, on a grid of ``steps`` steps.

    ``stops`` are the points of the grid nearest to those of ``jump:K``, by K; ``tenths`` the points
    at tenths of the grid, over which the residual is taken.
    """

    setting: Setting
    teacher: str
    steps: int
    stops: dict[int, list[int]]
    tenths: list[int]
    flow_map: FlowMap

    def sample(self, jumps: int, count: int = 20_000) -> Tensor:
        """Return what quantiles of the prior become in ``jumps`` jumps, ``[count]``."""
        x = self.setting.path.prior_std * quantiles(count)
        for i, j in pairwise(self.stops[jumps]):
            x = self.flow_map.jump(x, i, j)
        return x

    def residual(self) -> float:
        """Return how far two jumps end from one: the root mean square over x_0 and the stop."""
        jump, x = self.flow_map.jump, self.setting.path.prior_std * quantiles(2_000)
        twice = [jump(jump(x, 0, m), m, self.steps) for m in self.tenths]
        away = torch.stack(twice) - jump(x, 0, self.steps)
        return math.sqrt(float(away.square().mean()))


def teach(setting: Setting, teacher: str, steps: int, line: Line | None = None) -> Taught:
    """Return what a teacher, one of ``STEPS``, teaches."""
    path, times = setting.path, setting.path.times(steps, MODES, setting.grid)
    stops = {jumps: _nearest(times, path.times(jumps, MODES)) for jumps in JUMPS}
    tenths = sorted({steps * tenth // 10 for tenth in range(1, 10)})
    flow_map: FlowMap
    if teacher in ("euler", "heun"):
        flow_map = SolverMap(path, times, euler if teacher == "euler" else heun)
    else:
        targets = sorted({*tenths, *(j for ends in stops.values() for j in ends[1:])})
        uniform = teacher != "data"
        line = line or (Line(COARSE) if uniform else Line())
        flow_map = learn(path, times, targets, line, uniform=uniform)
    return Taught(setting, teacher, steps, stops, tenths, flow_map)


def _nearest(times: Tensor, wanted: Tensor) -> list[int]:
    return [int(place) for place in (times - wanted[:, None]).abs().argmin(dim=1)]


def quantiles(count: int) -> Tensor:
    """Return ``count`` evenly likely quantiles of a standard normal."""
    return torch.special.ndtri(_ranks(count))


def _ranks(count: int) -> Tensor:
    return (torch.arange(count, dtype=torch.float64) + 0.5) / count


def exact(path: GaussianPath, count: int = 20_000) -> Tensor:
    """Return where the ODE takes quantiles of the prior: in one dimension, to the same quantile."""
    start, end = (torch.tensor(t, dtype=torch.float64) for t in (path.start, path.end))
    away = path.prior_std * quantiles(count)[:, None] - path.alpha(start) * MODES
    rank = torch.special.ndtr(away / _mode_std(path, start)).mean(dim=1)
    return _data_at(rank, _mode_std(path, end))


def _mode_std(path: GaussianPath, t: Tensor) -> Tensor:
    return torch.sqrt((path.alpha(t) * STD) ** 2 + path.sigma(t) ** 2)


def _data_at(rank: Tensor, std: Tensor) -> Tensor:
    """Return quantiles of modes of this width, which are too far apart to mix."""
    within = torch.where(rank < 0.5, 2.0 * rank, 2.0 * rank - 1.0).clamp(1e-15, 1.0 - 1e-15)
    return torch.where(rank < 0.5, MODES[0], MODES[1]) + std * torch.special.ndtri(within)


def share_near(samples: Tensor) -> float:
    """Return the share of samples near a mode."""
    return float(((samples.abs() - MODES[1]).abs() < NEAR).double().mean())


def wasserstein(samples: Tensor) -> float:
    """Return the Wasserstein-1 distance from samples, an even number, to the data."""
    data = _data_at(_ranks(len(samples)), torch.tensor(STD, dtype=torch.float64))
    return float((samples.sort().values - data).abs().mean())


@attrs.frozen(eq=False)
class Result:
    """The shares near a mode and distances to the data, by K, and one jump of 400 quantiles."""

    setting: str
    teacher: str
    steps: int
    share: dict[int, float]
    distance: dict[int, float]
    residual: float
    curve: Tensor


def results() -> Iterator[Result]:
    """Yield a result for every setting, teacher and grid."""
    for setting in SETTINGS:
        for teacher, sizes in STEPS.items():
            for steps in sizes:
                if isinstance(setting.path, VEPath) or steps in TOLD[teacher]:
                    yield measure(teach(setting, teacher, steps))


def measure(taught: Taught) -> Result:
    """Return the result of what was taught."""
    samples = {jumps: taught.sample(jumps) for jumps in JUMPS}
    return Result(
        taught.setting.name,
        taught.teacher,
        taught.steps,
        {jumps: share_near(x) for jumps, x in samples.items()},
        {jumps: wasserstein(x) for jumps, x in samples.items()},
        taught.residual(),
        taught.sample(1, 400),
    )


def slope(found: list[Result], jumps: int) -> float:
    """Return the power of N with which the distance falls, by least squares."""
    steps = [math.log(result.steps) for result in found]
    return linear_regression(steps, [math.log(result.distance[jumps]) for result in found]).slope


def print_table(found: list[Result]) -> None:
    print("| path | teacher | N | K = 1 | K = 2 | K = 5 | W1, K = 1 | K = 2 | K = 5 | residual |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for result in found:
        if result.steps in TOLD[result.teacher]:
            shares = " | ".join(f"{100 * share:.1f} %" for share in result.share.values())
            distances = " | ".join(f"{distance:.4f}" for distance in result.distance.values())
            named = f"{result.setting} | {result.teacher} | {result.steps}"
            print(f"| {named} | {shares} | {distances} | {result.residual:.4f} |")


def print_summary(found: list[Result]) -> None:
    for setting in SETTINGS:
        x = exact(setting.path)
        print(f"\n{setting.name}: the ODE itself {100 * share_near(x):.1f} %, {wasserstein(x):.4f}")
        fine = [r for r in found if (r.setting, r.teacher) == (setting.name, "data")][-4:]
        told = ", ".join(f"{slope(fine, jumps):.2f} at K = {jumps}" for jumps in JUMPS)
        print(f"W1 of the data teacher falls as N to the power {told} from N = {fine[0].steps}")


def main() -> None:
    parser = argparse.ArgumentParser(description="What flow maps learn from their teachers.")
    parser.add_argument("--out", type=Path, help="where to draw the figure")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    found = list(results())
    print_table(found)
    print_summary(found)
    if out is not None:
        from bimodal_figure import draw  # matplotlib is needed for the figure alone

        truth = {setting.name: exact(setting.path, 400) for setting in SETTINGS}
        draw(found, truth, quantiles(400)).savefig(out)


if __name__ == "__main__":
    main()
