"""What recording costs a training step: seconds with the registry over seconds without it.

    python benchmarks/registry_cost.py

Trains the same recipe in pairs, once recorded and once not, in an order that alternates, and
prints the median ratio of the pairs with its smallest and largest, for networks of two sizes. The
small one takes the shortest steps that anybody would train, and is so the worst case.
"""

import statistics
import tempfile
import time
from pathlib import Path

import torch

from genpolicy.composition.layers import from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.dataset import DatasetRecipe
from genpolicy.discovery import load_catalogue
from genpolicy.registry import Registry
from genpolicy.runs.launch import start

PAIRS = 11
SIZES = {"3 x 16": ("16,16,16", 2000), "3 x 256": ("256,256,256", 400)}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, (hidden, steps) in SIZES.items():
            ratios = [pair(Path(folder), hidden, steps, number) for number in range(PAIRS)]
            kinds = [
                sum(values) for values in zip(*(seconds for _, seconds in ratios), strict=True)
            ]
            found = sorted(ratio for ratio, _ in ratios)
            print(
                f"| {name} | {1e3 * kinds[1] / PAIRS / steps:.2f} | {statistics.median(found):.3f} "
                f"| {found[0]:.3f} to {found[-1]:.3f} |",
                flush=True,
            )


def pair(folder: Path, hidden: str, steps: int, number: int) -> tuple[float, tuple[float, float]]:
    """Return recorded over unrecorded, and the seconds of both."""
    seconds = {}
    for recorded in (True, False) if number % 2 else (False, True):
        seconds[recorded] = train(folder, hidden, steps, recorded=recorded)
    return seconds[True] / seconds[False], (seconds[True], seconds[False])


def train(folder: Path, hidden: str, steps: int, *, recorded: bool) -> float:
    settings = ("objective=bc", "dataset=toy/two-moons", f"network.hidden={hidden}")
    limits = (f"objective.steps={steps}", "train.checkpoint_seconds=1000")
    recipe = resolve(load_catalogue(), [from_arguments((*settings, *limits))], recipe=None, seed=0)
    dataset = recipe.part("dataset", DatasetRecipe).prepare()
    with Registry.open(folder / "registry.db") as registry:
        place = folder / "runs"
        run = start(recipe, dataset, registry=registry, output=place, device=torch.device("cpu"))
        begin = time.perf_counter()
        run.runner.run([run.writer] if recorded else [])
        elapsed = time.perf_counter() - begin
        run.writer.finish("finished")
    return elapsed


if __name__ == "__main__":
    main()
