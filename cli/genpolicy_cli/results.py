"""What runs came to, as a table or as JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genpolicy.intervals import Interval, mean_interval
from genpolicy.records import EvaluationRecord
from genpolicy_cli.advice import completed
from genpolicy_cli.output import out, print_json
from genpolicy_cli.tables import facts, listing
from genpolicy_cli.words import NOTHING, count, duration, interval, share

if TYPE_CHECKING:
    from genpolicy.runs.launch import RunResult


def show_results(results: "Sequence[RunResult]", *, as_json: bool) -> None:
    """Print what one run came to, or several that differ by their seed."""
    if as_json:
        print_json({"runs": [result_facts(result) for result in results]})
    elif len(results) == 1:
        _show_one(results[0])
    else:
        _show_seeds(results)


def score_rows(record: EvaluationRecord) -> list[tuple[str, str]]:
    """Return the rows of a table that tell a score."""
    steps = steps_to_goal(record)
    rows = [("normalised score", interval(record.score)), ("return", interval(record.return_))]
    if record.success is not None:
        rows.append(("success rate", share(record.success)))
    if steps is not None:
        rows.append(("steps to goal", interval(steps)))
    return [*rows, ("episodes", f"{len(record.episodes):,}")]


def score_facts(record: EvaluationRecord | None) -> dict[str, Any]:
    """Return a score as JSON values."""
    if record is None:
        return {"score": None, "return": None, "success": None, "episodes": 0}
    return {
        "score": record.score,
        "return": record.return_,
        "success": record.success,
        "steps_to_success": steps_to_goal(record),
        "episodes": len(record.episodes),
        "protocol": record.protocol,
    }


def steps_to_goal(record: EvaluationRecord) -> Interval | None:
    """Return the mean steps to the first success, over the episodes that have one."""
    steps = [e.steps_to_success for e in record.episodes if e.steps_to_success is not None]
    return mean_interval([float(step) for step in steps]) if steps else None


def result_facts(result: "RunResult") -> dict[str, Any]:
    """Return what a run came to as JSON values."""
    return {
        "run": result.run,
        "state": "finished",
        "dataset": result.dataset,
        "seed": result.seed,
        **score_facts(result.evaluation),
        "seconds": result.seconds,
        "agent": result.folder,
    }


def shown_path(path: Path) -> str:
    """Return a path as short as it can be typed from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _show_one(result: "RunResult") -> None:
    rows = [
        ("seed", str(result.seed)),
        ("time", duration(result.seconds)),
        ("agent", shown_path(result.folder)),
        ("run", result.run),
    ]
    if result.evaluation is None:
        rows.insert(0, ("score", f"not scored: {result.dataset} has no environment"))
    else:
        rows = score_rows(result.evaluation) + rows
    out().print(facts(rows))
    hint = completed(f"`agent runs show {result.run}` tells all about it")
    out().print(f"\n{hint}", style="dim")


def _show_seeds(results: "Sequence[RunResult]") -> None:
    columns = ("run", "seed", "score", "return", "success", "episodes", "duration")
    out().print(listing(columns, [_seed_row(result) for result in results]))
    scores = [r.evaluation.score for r in results if r.evaluation is not None]
    means = [score.mean for score in scores if score is not None]
    if means:
        out().print(
            f"score over {count(len(means), 'seed')}: mean {sum(means) / len(means):.1f}, "
            f"lowest {min(means):.1f}, highest {max(means):.1f}"
        )


def _seed_row(result: "RunResult") -> tuple[str, ...]:
    record = result.evaluation
    scores = (
        (NOTHING, NOTHING, NOTHING, "0")
        if record is None
        else (
            interval(record.score),
            interval(record.return_),
            share(record.success),
            f"{len(record.episodes):,}",
        )
    )
    return (result.run, str(result.seed), *scores, duration(result.seconds))
