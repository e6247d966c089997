"""What runs came to, as a table or as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genpolicy.intervals import Interval, mean_interval
from genpolicy.records import EvaluationRecord
from genpolicy_cli.advice import completed
from genpolicy_cli.output import out, print_json
from genpolicy_cli.points import (
    in_words,
    point_facts,
    points_of,
    points_table,
    typed_values,
    values_of,
)
from genpolicy_cli.tables import facts, listing
from genpolicy_cli.words import NOTHING, count, duration, interval, share

if TYPE_CHECKING:
    from genpolicy.runs.launch import RunResult


def show_results(
    results: "Sequence[RunResult]", *, as_json: bool, options: Sequence[str] = ()
) -> None:
    """Print what one run came to, or several.

    Args:
        results: What they came to.
        as_json: Whether to print JSON.
        options: In which options they differ, beside their seeds.
    """
    if as_json:
        print_json(_all_facts(results, options))
    elif len(results) == 1:
        _show_one(results[0])
    else:
        _show_several(results, options)


def score_rows(record: EvaluationRecord) -> list[tuple[str, str]]:
    """Return the rows of a table that tell a score."""
    steps = steps_to_goal(record)
    rows = [("normalised score", interval(record.score)), ("return", interval(record.return_))]
    if record.success is not None:
        rows.append(("success rate", share(record.success)))
    if steps is not None:
        rows.append(("steps to goal", interval(steps)))
    rows.append(("episodes", f"{len(record.episodes):,}"))
    of = f", {record.selection}" if record.selection is not None else ""
    return [*rows, ("protocol", f"{record.protocol}{of}")]


def held_out_rows(values: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the rows of a table that tell what data alone say of an agent, by their metrics."""
    rows = []
    if "fitted_q/value" in values:
        starts = count(round(values["fitted_q/starts"]), "episode")
        value = _number(values["fitted_q/value"])
        rows.append(("fitted-Q value", f"{value}, discounted, at the start of {starts}"))
        rows.append(("the data's value", f"{_number(values['fitted_q/data_value'])} there"))
    if "held_out/episodes" in values:
        episodes = count(round(values["held_out/episodes"]), "episode")
        rows.append(("held out", f"{episodes}, {values['held_out/transitions']:,.0f} transitions"))
    losses = _losses(values).items()
    return [*rows, *((f"held-out {role} loss", _number(loss)) for role, loss in losses)]


def _losses(values: Mapping[str, float]) -> dict[str, float]:
    """Return the held-out losses by role."""
    place, loss = "held_out/", "_loss"
    return {
        name.removeprefix(place).removesuffix(loss): value
        for name, value in values.items()
        if name.startswith(place) and name.endswith(loss)
    }


def _number(value: float) -> str:
    return f"{value:.4g}"


def offline_rows(record: EvaluationRecord | None) -> list[tuple[str, str]]:
    """Return the rows that tell the score with which a run went online, if it did."""
    if record is None:
        return []
    rows = [("score before online", interval(record.score))] if record.score is not None else []
    rows.append(("return before online", interval(record.return_)))
    return rows


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
        "selection": record.selection,
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
        "offline": score_facts(result.offline) if result.offline is not None else None,
        "held_out": result.held_out,
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
        unscored = ("score", f"not scored: {result.dataset} has no environment")
        rows = [unscored, *held_out_rows(result.held_out), *rows]
    else:
        rows = score_rows(result.evaluation) + offline_rows(result.offline) + rows
    out().print(facts(rows))
    hint = completed(f"`agent runs show {result.run}` tells all about it")
    out().print(f"\n{hint}", style="dim")


def _all_facts(results: "Sequence[RunResult]", options: Sequence[str]) -> dict[str, Any]:
    if not options:
        return {"runs": [result_facts(result) for result in results]}
    told = [{**result_facts(each), "options": values_of(each, options)} for each in results]
    return {"runs": told, "grid": [point_facts(point) for point in points_of(results, options)]}


def _show_several(results: "Sequence[RunResult]", options: Sequence[str]) -> None:
    if any(result.held_out for result in results):
        _show_held_out(results, options)
        return
    columns = ("run", *options, "seed", "score", "return", "success", "episodes", "duration")
    rows = [_row(result, options) for result in results]
    if any(result.offline is not None for result in results):
        columns = (*columns, "before online")
        rows = [(*row, _before_online(each)) for row, each in zip(rows, results, strict=True)]
    out().print(listing(columns, rows))
    points = points_of(results, options)
    if options and len(points) < len(results):
        out().print(points_table(points, options))
    if not options and points[0].scores:
        out().print(f"score over {in_words(points[0])}")


def _show_held_out(results: "Sequence[RunResult]", options: Sequence[str]) -> None:
    names = list(dict.fromkeys(name for result in results for name in result.held_out))
    shown = [name for name in names if name.startswith("fitted_q/") or name.endswith("_loss")]
    rows = [
        (
            result.run,
            *typed_values(result, options),
            str(result.seed),
            *(_number(result.held_out[name]) if name in result.held_out else "" for name in shown),
            duration(result.seconds),
        )
        for result in results
    ]
    out().print(listing(("run", *options, "seed", *shown, "duration"), rows))


def _before_online(result: "RunResult") -> str:
    if result.offline is None:
        return NOTHING
    return interval(result.offline.score or result.offline.return_)


def _row(result: "RunResult", options: Sequence[str]) -> tuple[str, ...]:
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
    told = (*typed_values(result, options), str(result.seed))
    return (result.run, *told, *scores, duration(result.seconds))
