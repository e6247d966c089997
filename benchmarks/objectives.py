"""Trains every objective on a dataset, five seeds each, into the repository's own registry.

    python benchmarks/objectives.py pointmaze/umaze pointmaze/medium
    python benchmarks/objectives.py pointmaze/umaze --objectives bc gmpo --seeds 10 11
    python benchmarks/objectives.py npz:locomotion/hopper-medium.npz \
        npz:locomotion/halfcheetah-medium.npz --recipe locomotion --seeds 10 11 12

The files of the last are arrays of D4RL's kind, one file per body.

With networks of one size for all; on the mazes by the recipe ``quick``, whose settings were chosen
on seeds 0 and 7. The policies that made the data stand beside. What is recorded already is not
repeated, so that a broken series goes on where it stopped; ``--repeat`` trains it again, after a
change of settings. Two runs at a time: each takes one core.
"""

import argparse
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from genpolicy.composition.named_recipe import read_recipe
from genpolicy.discovery import load_catalogue
from genpolicy.records import RunStart
from genpolicy.registry import Registry

ROOT = Path(__file__).parents[1]
TAG = "objectives"
REWARDS = "dataset.reward=return-range"  # what temperatures are published for
BODIES = {  # with the returns between which D4RL scores them
    "hopper": (
        "dataset.environment=Hopper-v5",
        "dataset.random_return=-20.272305",
        "dataset.expert_return=3234.3",
        REWARDS,
    ),
    "halfcheetah": (
        "dataset.environment=HalfCheetah-v5",
        "dataset.random_return=-280.178953",
        "dataset.expert_return=12135",
        REWARDS,
    ),
}
SIZES = ("network.hidden=[128, 128, 128]", "critic.hidden=[128, 128]")


def main() -> None:
    asked = arguments()
    there = recorded()
    for dataset in asked.datasets:
        if (dataset, None, "random") not in there:
            options = (*settings_of(dataset), "--episodes", "100", "--record", "--tag", TAG)
            agent("datasets", "reference", dataset, *options)
    there = set() if asked.repeat else there
    wanted = product(asked.datasets, asked.seeds, asked.objectives or settled(asked.recipe))
    left = [triple for triple in wanted if triple not in there]
    print(f"{len(left)} runs to go", flush=True)
    with ThreadPoolExecutor(asked.parallel) as pool:
        list(pool.map(lambda run: train(asked.recipe, *run), left))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--objectives", nargs="+", help="all that the recipe settles")
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--seeds", nargs="+", type=int, default=[10, 11, 12, 13, 14])
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--repeat", action="store_true")
    return parser.parse_args()


def settled(recipe: str) -> list[str]:
    """Return the objectives that a recipe has settings for."""
    catalogue = load_catalogue()
    return list(read_recipe(catalogue, catalogue.find("recipe", recipe)).when)


def settings_of(dataset: str) -> tuple[str, ...]:
    """Return the options with which a dataset is used; a maze needs none."""
    return next((BODIES[body] for body in BODIES if f"/{body}-" in dataset), ())


def recorded() -> set[tuple[str, int | None, str]]:
    """Return dataset, seed and policy of every finished run of this series."""
    with Registry.open(ROOT / "registry.db", read_only=True) as registry:
        runs = [registry.run(run.id).start for run in registry.runs() if run.state == "finished"]
    return {(run.dataset.name, *policy_of(run)) for run in runs if TAG in run.tags}


def policy_of(run: RunStart) -> tuple[int | None, str]:
    """Return the seed and the objective of a run; of a reference policy its name alone."""
    if run.reference:
        return None, run.reference
    return run.seed, run.recipe["parts"]["objective"]["name"].rpartition("/")[2]


def train(recipe: str, dataset: str, seed: int, objective: str) -> None:
    sizes = SIZES[: 1 if objective == "bc" else 2]  # it has no critic
    chosen = ("--recipe", recipe, "--seed", str(seed), "train.looks=0")
    place = ("--tag", TAG, "--quiet", "--output", os.environ.get("RUNS", "runs"))
    agent(
        "run",
        "--objective",
        objective,
        "--dataset",
        dataset,
        *chosen,
        *settings_of(dataset),
        *sizes,
        *place,
    )


def agent(*words: str) -> None:
    command = ["agent", *words, "--registry", "registry.db"]
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
    print("done:" if done.returncode == 0 else f"FAILED ({done.returncode}):", *words, flush=True)


if __name__ == "__main__":
    main()
