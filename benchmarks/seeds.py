"""How long a step of several seeds takes as one program, over the same steps one by one.

    python benchmarks/seeds.py
    python benchmarks/seeds.py --objectives iql fql --widths 64 256 --seeds 2 4 8 16 --device cuda

Steps of the last stage on random transitions of 17 + 6 numbers in batches of 256, interleaved with
the same number of single steps; medians. Prints rows of a table.
"""

import argparse
import statistics
import time

import attrs
import torch

from genpolicy.agent import shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.layers import from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.dataset import Dataset
from genpolicy.discovery import load_catalogue
from genpolicy.training.learner import Learner, stages_of
from genpolicy.training.members import Members
from genpolicy.training.sampler import Sampler
from genpolicy_plugins.datasets.random_numbers import RandomNumbers

ROWS, BATCH, WARMUP = 20_000, 256, 3


def main() -> None:
    asked = arguments()
    torch.set_num_threads(1)
    place, data = torch.device(asked.device), transitions()
    print("| objective | width | seeds | one by one, ms per seed | as one, ms per seed | gain |")
    print("|---|---|---|---|---|---|")
    for objective in asked.objectives:
        for width in asked.widths:
            for count in asked.seeds:
                alone, together = times(recipe(objective, width), data, place, count, asked.steps)
                print(
                    f"| {objective} | {width} | {count} | {1e3 * alone / count:.1f} | "
                    f"{1e3 * together / count:.1f} | {alone / together:.2f} |",
                    flush=True,
                )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objectives", nargs="+", default=["bc", "iql", "fql"])
    parser.add_argument("--widths", nargs="+", type=int, default=[64, 256])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 4, 8, 16])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def transitions() -> Dataset:
    return RandomNumbers(transitions=ROWS).load()


def recipe(objective: str, width: int) -> AgentRecipe:
    settings = [f"objective={objective}", "dataset=npz:none.npz", "network=mlp"]
    settings.append(f"network.hidden={width},{width},{width}")
    if objective != "bc":
        settings.append(f"critic.hidden={width},{width}")
    return resolve(load_catalogue(), [from_arguments(settings)], recipe="none", seed=0)


def times(
    wanted: AgentRecipe, data: Dataset, place: torch.device, count: int, steps: int
) -> tuple[float, float]:
    """Return the medians of as many single steps as there are seeds, and of one step of all."""

    def learner(seed: int) -> Learner:
        torch.manual_seed(seed)
        return Learner(attrs.evolve(wanted, seed=seed), shapes_of(data), place)

    single, members = learner(0), Members([learner(seed) for seed in range(count)])
    stages, sampler = stages_of(wanted.objective), Sampler(data, place)
    number, stage = len(stages) - 1, stages[-1]
    own, shared = single.enter(number, stage), members.enter(number, stage)
    alone, together = [], []
    for _ in range(steps + WARMUP):
        start = now(place)
        for _ in range(count):
            single.take_step(sampler.draw(BATCH), own)
        middle = now(place)
        members.take_step(sampler.draw(count * BATCH), shared)
        alone.append(middle - start)
        together.append(now(place) - middle)
    return statistics.median(alone[WARMUP:]), statistics.median(together[WARMUP:])


def now(place: torch.device) -> float:
    if place.type == "cuda":
        torch.cuda.synchronize(place)
    return time.perf_counter()


if __name__ == "__main__":
    main()
