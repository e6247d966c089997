"""Prints the README's table from the runs tagged ``readme`` in the repository's registry."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from genpolicy.comparison.seed_interval import interval_over_seeds
from genpolicy.intervals import mean_interval
from genpolicy.records import EvaluationRecord
from genpolicy.registry import Registry, RunDetail

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "random": "agent datasets reference pointmaze/umaze --episodes 100",
    "controller": "the same command",
    "expert": "the same command",
    "bc": "agent run --objective bc",
    "gmpo": "agent run --objective gmpo",
    "gmpg": "agent run",
}


def main() -> None:
    with Registry.open(ROOT / "registry.db", read_only=True) as registry:
        details = [registry.run(run.id) for run in registry.runs()]
    groups: dict[str, list[RunDetail]] = defaultdict(list)
    for run in details:  # the newest first, whose settings count
        if "readme" in run.start.tags:
            name = run.start.reference or run.start.recipe["parts"]["objective"]["name"]
            if not groups[name] or groups[name][0].start.recipe_hash == run.start.recipe_hash:
                groups[name].append(run)
    print("| policy | score | return of 300 | success | steps to goal | minutes | command |")
    print("|---|---|---|---|---|---|---|")
    for name, command in COMMANDS.items():
        print(row(name, groups[name] or groups[f"genpolicy/{name}"], command))


def row(name: str, runs: list[RunDetail], command: str) -> str:
    records = [run.final_evaluation for run in runs]
    score = told([r.score.mean for r in records], records, lambda r: r.score)
    earned = told([r.return_.mean for r in records], records, lambda r: r.return_)
    success = 100 * sum(r.success.mean for r in records) / len(records)
    steps = told([steps_to_goal(r) for r in records], records, None)
    minutes = sum(run.seconds for run in runs) / len(runs) / 60
    time = "" if runs[0].start.reference else f"{minutes:.1f}"
    return f"| {name} | {score} | {earned} | {success:.0f} % | {steps} | {time} | `{command}` |"


def told(means: list[float], records: list[EvaluationRecord], one: Callable | None) -> str:
    """A mean with its interval over seeds, or over the episodes of the only one."""
    interval = interval_over_seeds(means) if len(means) > 1 else one and one(records[0])
    if interval is None:
        return f"{means[0]:.1f}"
    return f"{interval.mean:.1f} ± {interval.half_width:.1f}"


def steps_to_goal(record: EvaluationRecord) -> float:
    steps = [e.steps_to_success for e in record.episodes if e.steps_to_success is not None]
    return mean_interval(steps).mean


if __name__ == "__main__":
    main()
