"""Prints the table of objectives from the runs tagged ``objectives`` in the repository's registry.

    python benchmarks/objectives_table.py pointmaze/umaze pointmaze/medium

Per dataset: the mean score over seeds with its 95 % interval; by how much it exceeds that of
``bc``, with the 95 % interval of the difference between runs of the same seed; and by how much that
of the policy that made the data. Of runs with several settings the newest count.
"""

import math
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from genpolicy.comparison.seed_interval import interval_over_seeds
from genpolicy.intervals import Interval
from genpolicy.registry import Registry, RunDetail

ROOT = Path(__file__).parents[1]
TAG = "objectives"
BASELINE = "bc"
BEHAVIOURS = "controller", "behaviour"  # the maker of the data played again, or their own returns

Scores = Mapping[str, Mapping[int, RunDetail]]


def main() -> None:
    datasets = sys.argv[1:] or ["pointmaze/umaze", "pointmaze/medium"]
    scores = [read(dataset) for dataset in datasets]
    names = list(dict.fromkeys(name for dataset in scores for name in dataset))
    heads = [f"{d} | over {BASELINE} | over the data" for d in datasets]
    print("| policy |", " | ".join(heads), "|")
    print("|---" * (1 + 3 * len(datasets)) + "|")
    for name in names:
        print("|", " | ".join([f"`{name}`", *(cells(name, dataset) for dataset in scores)]), "|")


def read(dataset: str) -> Scores:
    """Return the series' finished runs on a dataset, by policy and seed, the references first."""
    found: dict[str, dict[int, RunDetail]] = defaultdict(dict)
    with Registry.open(ROOT / "registry.db", read_only=True) as registry:
        runs = [registry.run(run.id) for run in registry.runs() if run.state == "finished"]
    for run in runs:
        if TAG in run.start.tags and run.start.dataset.name == dataset:
            parts = run.start.recipe.get("parts", {})
            name = run.start.reference or parts["objective"]["name"].rpartition("/")[2]
            known = next(iter(found[name].values()), run)  # the newest run comes first
            if known.start.recipe_hash == run.start.recipe_hash:
                found[name].setdefault(run.start.seed, run)
    return dict(sorted(found.items(), key=lambda item: _mean(item[1])))


def cells(name: str, scores: Scores) -> str:
    """Return one policy's three cells on one dataset."""
    runs = scores.get(name, {})
    if not runs:
        return " | | "
    over = told(difference(runs, scores.get(BASELINE, {})), sign="+")
    maker = next((scores[policy] for policy in BEHAVIOURS if policy in scores), None)
    made = told(apart(score(runs), maker), sign="+")
    return f"{told(score(runs))} | {over} | {made}"


def score(runs: Mapping[int, RunDetail]) -> Interval:
    """Return the mean score over seeds; of one run alone, over its episodes."""
    if len(runs) == 1:
        return next(iter(runs.values())).final_evaluation.score
    return interval_over_seeds([_score(run) for run in runs.values()])


def apart(one: Interval, behaviour: Mapping[int, RunDetail] | None) -> Interval | None:
    """Return by how much a score exceeds the behaviour's, which is independent of it."""
    if not behaviour or score(behaviour) == one:
        return None
    other = score(behaviour)
    mean, half = one.mean - other.mean, math.hypot(one.half_width, other.half_width)
    return Interval(mean=mean, low=mean - half, high=mean + half)


def difference(runs: Mapping[int, RunDetail], baseline: Mapping[int, RunDetail]) -> Interval | None:
    """Return by how much runs exceed the baseline's of the same seeds, if two or more do."""
    both = sorted(runs.keys() & baseline.keys())
    if len(both) < 2 or runs is baseline:
        return None
    apart = [_score(runs[seed]) - _score(baseline[seed]) for seed in both]
    return interval_over_seeds(apart)


def told(interval: Interval | None, sign: str = "") -> str:
    if interval is None:
        return ""
    return f"{interval.mean:{sign}.1f} ± {interval.half_width:.1f}"


def _mean(runs: Mapping[int, RunDetail]) -> float:
    return sum(map(_score, runs.values())) / len(runs)


def _score(run: RunDetail) -> float:
    return run.final_evaluation.score.mean


if __name__ == "__main__":
    main()
