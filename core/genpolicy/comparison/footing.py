"""Which recorded runs may stand in one table: scored alike, each seed once.

Scores compare only under one evaluation protocol and one rule that selects the checkpoint, on the
same data, and between the same reference returns.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

import attrs

from genpolicy.errors import UsageError
from genpolicy.intervals import Z975, Interval
from genpolicy.records import BENCH

if TYPE_CHECKING:
    from genpolicy.registry import RunSummary

Metric = Literal["score", "return", "success"]

_SHOWN: Final = 3


@attrs.frozen(kw_only=True)
class Footing:
    """What runs share whose scores compare.

    Args:
        metric: Normalised scores, returns, or percentages of episodes solved.
        protocol: The evaluation protocol's name.
        selection: Which checkpoint was scored.
    """

    metric: Metric
    protocol: str
    selection: str


@attrs.frozen(kw_only=True)
class ScoredRun:
    """A run and what it came to.

    Args:
        run: The run.
        dataset: The data's name; where several have it, with how the fingerprint begins.
        value: What it came to.
        error: The standard error of that over episodes; 0 where a single one leaves it unknown.
    """

    run: "RunSummary"
    dataset: str
    value: float
    error: float


@attrs.frozen(kw_only=True)
class Field:
    """Runs that may be compared.

    Args:
        footing: What they share.
        runs: The runs, those of reference policies among them.
        remarks: What was left out, in words.
    """

    footing: Footing
    runs: tuple[ScoredRun, ...]
    remarks: tuple[str, ...]


def comparable(
    runs: "Sequence[RunSummary]",
    *,
    metric: Metric = "score",
    protocol: str | None = None,
    selection: str | None = None,
) -> Field:
    """Return those runs that may be compared.

    Only finished runs count, and of those with one recipe, seed and dataset the newest. What is not
    chosen, protocol or selection, is what most of the runs have, and of two that as many have, the
    newest run's.

    Args:
        runs: Runs in any order.
        metric: What to compare.
        protocol: Only runs scored by this protocol.
        selection: Only runs of which this checkpoint was scored.

    Raises:
        UsageError: None is left; the message says what there is.
    """
    scorable = [run for run in runs if run.reference != BENCH]
    newest_first = sorted(scorable, key=lambda run: (run.created, run.id), reverse=True)
    finished = [run for run in newest_first if run.state == "finished"]
    results = [(run, found) for run in finished if (found := _result(run, metric))]
    if not results:
        raise UsageError(_nothing_scored(finished, metric))
    scored = [run for run, _ in results]
    footing = _footing(scored, metric, protocol, selection)
    alike = [run for run in scored if _terms(run) == _terms(footing)]
    level = _level(alike) if metric == "score" else alike
    newest = {_identity(run): run for run in reversed(level)}
    values = {run.id: found for run, found in results}
    labels = _labels([*newest.values()])
    remarks = (
        *_unscored(newest_first, finished, scored, metric),
        *_unlike(scored, footing),
        *_on_other_scales(len(alike) - len(level)),
        *_repeated(level),
    )
    return Field(
        footing=footing,
        runs=tuple(
            ScoredRun(
                run=run,
                dataset=labels[_data(run)],
                value=values[run.id][0],
                error=values[run.id][1],
            )
            for run in newest.values()
        ),
        remarks=remarks,
    )


def counted_of(number: int, noun: str = "run") -> str:
    """Return a number with its noun, such as ``"3 runs"``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def first_few(texts: Sequence[str], separator: str = ", ") -> str:
    """Return texts in one line, shortened where they are many."""
    rest = len(texts) - _SHOWN
    shown = separator.join(texts[:_SHOWN])
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def _result(run: "RunSummary", metric: Metric) -> tuple[float, float] | None:
    """Return what a run came to with its standard error, if that is a finite number."""
    found = _RESULTS[metric](run)
    if found is None or not math.isfinite(found[0]):
        return None
    value, error = found
    return value, error if math.isfinite(error) else 0.0


def _of_interval(value: Interval | None) -> tuple[float, float] | None:
    return None if value is None else (value.mean, value.half_width / Z975)


def _of_success(run: "RunSummary") -> tuple[float, float] | None:
    if run.success is None:
        return None
    share = run.success.mean  # its own interval is not symmetric, and not the bootstrap's
    error = math.sqrt(share * (1.0 - share) / (run.episodes - 1)) if run.episodes > 1 else 0.0
    return 100.0 * share, 100.0 * error


_RESULTS: Final[Mapping[Metric, Callable[["RunSummary"], tuple[float, float] | None]]] = {
    "score": lambda run: _of_interval(run.score),
    "return": lambda run: _of_interval(run.return_),
    "success": _of_success,
}
_CALLED: Final[Mapping[Metric, str]] = {
    "score": "a normalised score",
    "return": "a return",
    "success": "a share of episodes solved",
}


def _footing(
    scored: "Sequence[RunSummary]", metric: Metric, protocol: str | None, selection: str | None
) -> Footing:
    """Return what most trained runs share, or those of reference policies if there are no others.

    Of pairs that as many share, the first comes from the newest run.
    """
    trained = [run for run in scored if run.reference is None] or scored
    found = Counter(_terms(run) for run in trained)
    fitting = [
        (number, terms)
        for terms, number in found.items()
        if protocol in (None, terms[0]) and selection in (None, terms[1])
    ]
    if not fitting:
        raise UsageError(_nothing_alike(found, protocol, selection))
    _, (name, rule) = max(fitting, key=lambda pair: pair[0])
    return Footing(metric=metric, protocol=name, selection=rule)


def _terms(run: "RunSummary | Footing") -> tuple[str, str]:
    return run.protocol or "", run.selection or ""


def _level(runs: "Sequence[RunSummary]") -> "list[RunSummary]":
    """Return the runs whose scores lie between the returns that most on their data lie between.

    Reference policies have no vote where something was trained; of two as common, the newest run's
    count.
    """
    votes: dict[tuple[str, str], Counter[tuple[float | None, float | None]]] = {}
    for run in runs:
        votes.setdefault(_data(run), Counter())[_scale(run)] += run.reference is None
    scales = {data: max(found, key=lambda each: found[each]) for data, found in votes.items()}
    return [run for run in runs if _scale(run) == scales[_data(run)]]


def _scale(run: "RunSummary") -> tuple[float | None, float | None]:
    return run.random_return, run.expert_return


def _data(run: "RunSummary") -> tuple[str, str]:
    return run.dataset, run.fingerprint


def _identity(run: "RunSummary") -> tuple[str, ...]:
    """Return what a repetition shares; a reference policy has no recipe that would matter."""
    what = run.recipe_hash if run.reference is None else f"({run.reference})"
    seed = str(run.seed) if run.reference is None else ""
    return what, seed, *_data(run)


def _labels(runs: "Sequence[RunSummary]") -> dict[tuple[str, str], str]:
    pairs = dict.fromkeys(map(_data, runs))
    contents = Counter(name for name, _ in pairs)
    return {
        (name, print): name if contents[name] == 1 else f"{name}@{print[:8]}"
        for name, print in pairs
    }


def _unscored(
    runs: "Sequence[RunSummary]",
    finished: "Sequence[RunSummary]",
    scored: "Sequence[RunSummary]",
    metric: Metric,
) -> Iterator[str]:
    if len(finished) < len(runs):
        yield f"left out, not finished: {counted_of(len(runs) - len(finished))}"
    if len(scored) < len(finished):
        left_out = counted_of(len(finished) - len(scored))
        yield f"left out, without {_CALLED[metric]}: {left_out}"


def _unlike(scored: "Sequence[RunSummary]", footing: Footing) -> Iterator[str]:
    others = Counter(_terms(run) for run in scored if _terms(run) != _terms(footing))
    if others:
        yield f"left out, scored otherwise: {_told(others)}"


def _on_other_scales(number: int) -> Iterator[str]:
    if number:
        yield (
            f"left out, since most runs on the same data have other reference returns: "
            f"{counted_of(number)}"
        )


def _repeated(alike: "Sequence[RunSummary]") -> Iterator[str]:
    trained = [run for run in alike if run.reference is None]
    repetitions = len(trained) - len({_identity(run) for run in trained})
    if repetitions:
        yield (
            f"left out, since a newer run has the same recipe, seed and data: "
            f"{counted_of(repetitions)}"
        )


def _told(found: "Counter[tuple[str, str]]") -> str:
    pairs = [f"{counted_of(n)} by {name}, {rule}" for (name, rule), n in found.most_common()]
    return first_few(pairs, "; ")


def _nothing_scored(finished: "Sequence[RunSummary]", metric: Metric) -> str:
    if not finished:
        return "nothing to compare: none of the runs asked for has finished training"
    other = "" if metric == "return" else "; --metric return compares what has no scale"
    number = counted_of(len(finished), "finished run")
    return f"nothing to compare: of {number} none has {_CALLED[metric]}{other}"


def _nothing_alike(
    found: "Counter[tuple[str, str]]", protocol: str | None, selection: str | None
) -> str:
    wanted = [f"by the protocol {protocol!r}"] if protocol is not None else []
    wanted += [f"of the selection {selection!r}"] if selection is not None else []
    return f"no run was scored {' and '.join(wanted)}; there are: {_told(found)}"
