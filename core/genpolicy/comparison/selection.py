"""Which runs may be drawn in one picture, and which records of theirs.

Scores compare only on the same data, under the same evaluation protocol and between the same
reference returns.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from genpolicy.errors import UsageError
from genpolicy.records import LOOK, EvaluationRecord

if TYPE_CHECKING:
    from genpolicy.registry import RunDetail


def looks_of(run: "RunDetail") -> list[EvaluationRecord]:
    """Return a run's looks at the score during training, oldest first."""
    records = [record for record in run.evaluations if record.episodes]
    return [record for record in records if record.protocol.endswith(LOOK)]


def final_score_of(run: "RunDetail") -> EvaluationRecord | None:
    """Return the score of the last checkpoint under the protocol of the looks."""
    record = run.final_evaluation
    if record is None or not record.episodes or record.selection != "last":
        return None
    return record if record.protocol == _protocol(run) else None


def check_data(runs: "Sequence[RunDetail]") -> None:
    """Refuse runs on different data.

    Raises:
        UsageError: They are; the message counts the runs on each.
    """
    names = Counter(run.start.dataset.name for run in runs)
    if len(names) > 1:
        raise UsageError(
            f"the runs are on different datasets, whose scores do not compare: {_counted(names)}; "
            "name one with --dataset"
        )
    prints = Counter(run.start.dataset.fingerprint[:12] for run in runs)
    if len(prints) > 1:
        raise UsageError(
            f"the runs learnt from different data, all called {next(iter(names))!r}, with "
            f"fingerprints {_counted(prints)}; name the runs to draw"
        )


def common_protocol(runs: "Sequence[RunDetail]") -> str:
    """Return the protocol by which all runs were scored.

    Raises:
        UsageError: There are several; the message counts the runs under each.
    """
    protocols = Counter(_protocol(run) for run in runs)
    if len(protocols) > 1:
        raise UsageError(
            f"the runs were scored by different protocols, whose scores do not compare: "
            f"{_counted(protocols)}; name the runs to draw"
        )
    return next(iter(protocols))


def check_references(runs: "Sequence[RunDetail]") -> None:
    """Refuse scores between different reference returns.

    Raises:
        UsageError: They are; the message counts the runs with each.
    """
    last = [looks_of(run)[-1] for run in runs]
    scales = Counter(f"{look.random_return:g} to {look.expert_return:g}" for look in last)
    if len(scales) > 1:
        raise UsageError(
            f"the scores of the runs lie between different reference returns, so that they do not "
            f"compare: {_counted(scales)}; name the runs to draw"
        )


def one_per_seed(runs: "Sequence[RunDetail]") -> "list[RunDetail]":
    """Return one run per recipe and seed: the newest, one that finished before others."""
    best: dict[tuple[str, int], RunDetail] = {}
    for run in runs:
        key = (run.start.recipe_hash, run.start.seed)
        if key not in best or _rank(run) > _rank(best[key]):
            best[key] = run
    chosen = {run.id for run in best.values()}
    return [run for run in runs if run.id in chosen]


def listed(ids: Iterable[str]) -> str:
    """Return the names of runs, shortened where they are many."""
    names = list(ids)
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"run{'s' if len(names) > 1 else ''} {shown}"


def _protocol(run: "RunDetail") -> str:
    return looks_of(run)[-1].protocol.removesuffix(LOOK)


def _rank(run: "RunDetail") -> tuple[bool, float]:
    return run.state == "finished", run.created.timestamp()


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{name} ({n} run{'s' if n > 1 else ''})" for name, n in found.items())
