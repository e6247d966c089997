"""How fast batches are drawn from data that lie in memory, and from data that lie in a file.

    python benchmarks/sampling.py [TRANSITIONS]

Draws batches of 256 from transitions of 17 observed numbers and 6 of actions, a million of them
unless told, from memory and from a file in turns. Prints transitions per second of both, their
ratio, and what packing took.
"""

import statistics
import sys
import time

import torch

from genpolicy.dataset import Dataset
from genpolicy.training.packing import Resident
from genpolicy.training.sampler import Sampler
from genpolicy_plugins.datasets.random_numbers import RandomNumbers

BATCH, BATCHES, TURNS = 256, 2000, 7
PLACES: tuple[Resident, ...] = ("yes", "no")


def main() -> None:
    torch.set_num_threads(1)
    data = dataset(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
    samplers = []
    for resident in PLACES:
        began = time.perf_counter()
        samplers.append(Sampler(data, torch.device("cpu"), resident))
        print(f"packed with resident={resident} in {time.perf_counter() - began:.2f} s")
    speeds = [[speed(sampler) for sampler in samplers] for _ in range(TURNS)]
    memory, file = (statistics.median(each) for each in zip(*speeds, strict=True))
    print(f"memory: {memory:.3g} transitions per second; file: {file:.3g}")
    print(f"file / memory: {statistics.median(b / a for a, b in speeds):.2f}")


def dataset(rows: int) -> Dataset:
    return RandomNumbers(transitions=rows).load()


def speed(sampler: Sampler) -> float:
    began = time.perf_counter()
    for _ in range(BATCHES):
        sampler.draw(BATCH)
    return BATCH * BATCHES / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
