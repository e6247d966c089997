"""Prints the table of docs/models.md: how far samples are from the data, by network evaluations.

The mean energy distance, times 1000, of the runs tagged ``toys`` in the repository's registry, over
datasets. Samples and fresh data: 2000 each, the same for all.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genpolicy.agent import Agent
from genpolicy.backbone import Backbone
from genpolicy.comparison.distances import energy_distance
from genpolicy.composition.choosing import choose_part
from genpolicy.composition.contract import SAMPLE, needs_of
from genpolicy.discovery import Catalogue, load_catalogue
from genpolicy.registry import Registry, RunDetail
from genpolicy.solver import Solver
from genpolicy_plugins.datasets.toys import draw

ROOT = Path(__file__).parents[1]
COUNT = 2000
EVALUATIONS = (1, 2, 5, 10, 20)
PER_STEP = {
    "euler": 1,
    "heun": 2,
    "ddim": 1,
    "dpm-solver++": 1,
    "ddpm": 1,
    "sde": 1,
    "jump": 1,
}
SOLVERS = [(name, {}) for name in PER_STEP] + [("jump", {"renoise": 1.0})]


def main() -> None:
    torch.set_num_threads(1)
    catalogue = load_catalogue()
    cells: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in toy_runs():
        policy = Agent.load(run.start.directory + "/agent").models.roles["policy"]
        dataset = run.start.dataset.name.removeprefix("toy/")
        for solver_name, evaluations, distance in distances(policy, dataset, catalogue):
            cells[backbone_of(run), solver_name][evaluations].append(distance)
        print(run.id, file=sys.stderr)
    print_table(cells)


def toy_runs() -> list[RunDetail]:
    with Registry.open(ROOT / "registry.db", read_only=True) as registry:
        details = [registry.run(run.id) for run in reversed(registry.runs())]
    return [detail for detail in details if "toys" in detail.start.tags]


def backbone_of(run: RunDetail) -> str:
    """The backbone as a user types it, with the options that are not its defaults."""
    name = run.start.recipe["parts"]["backbone"]["name"].removeprefix("genpolicy/")
    options = run.start.recipe["parts"]["backbone"]["options"]
    given = [key for key in run.start.origins if key.startswith("backbone.")]
    said = [f"{key.removeprefix('backbone.')}={options[key.split('.')[1]]}" for key in given]
    return " ".join([name, *said])


def distances(
    policy: Backbone, dataset: str, catalogue: Catalogue
) -> Iterator[tuple[str, int, float]]:
    for name, options in SOLVERS:
        for evaluations in EVALUATIONS:
            steps = evaluations // PER_STEP[name]
            if steps < 1 or (options and steps < 2):
                continue
            chosen = choose_part(catalogue, "solver", f"{name}:{steps}", options).recipe
            assert isinstance(chosen, Solver)
            if all(need.met_by(type(policy)) for need in needs_of(chosen.sample, name, SAMPLE)):
                told = " ".join([name, *(f"{key}={value:g}" for key, value in options.items())])
                samples = sampled(policy, chosen)
                yield told, evaluations, energy_distance(samples, fresh(dataset))


@torch.no_grad()
def sampled(policy: Backbone, solver: Solver) -> Tensor:
    generator, condition = torch.Generator().manual_seed(0), torch.zeros(COUNT, 1)
    noise = policy.draw_noise(condition, generator)
    return solver.sample(policy, condition, noise, generator)


def fresh(dataset: str, seed: int = 1000) -> Tensor:
    return torch.from_numpy(draw(dataset, COUNT, np.random.default_rng(seed)))


def print_table(cells: dict[tuple[str, str], dict[int, list[float]]]) -> None:
    print("| backbone | solver | " + " | ".join(str(count) for count in EVALUATIONS) + " |")
    print("|---|---|" + "---|" * len(EVALUATIONS))
    shapes = ("eight-gaussians", "two-moons", "pinwheel", "checkerboard")
    exact = [
        energy_distance(fresh(shape, seed), fresh(shape)) for shape in shapes for seed in (1, 2, 3)
    ]
    print(f"| the data itself | | {in_thousandths(exact)} |" + " |" * (len(EVALUATIONS) - 1))
    for (backbone, solver), found in cells.items():
        numbers = [in_thousandths(found[count]) for count in EVALUATIONS]
        print(f"| {backbone} | {solver} | " + " | ".join(numbers) + " |")


def in_thousandths(values: list[float]) -> str:
    return f"{1000 * sum(values) / len(values):.1f}" if values else ""


if __name__ == "__main__":
    main()
