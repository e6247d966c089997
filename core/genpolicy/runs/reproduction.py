"""Repeating a recorded run: what has changed since, and whether it came out the same."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import attrs
import torch

from genpolicy.comparison.score_difference import return_difference, score_difference
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.choosing import recall
from genpolicy.dataset import DatasetRecipe
from genpolicy.discovery.catalogue import Catalogue
from genpolicy.errors import UsageError
from genpolicy.intervals import Interval
from genpolicy.records import EvaluationRecord
from genpolicy.registry import Registry, RunDetail
from genpolicy.registry.writer import warn
from genpolicy.runs import surroundings
from genpolicy.runs.companions import companions, known, left_at
from genpolicy.runs.launch import Launch, Say, start
from genpolicy.runs.resumption import check_same_data
from genpolicy.training.sampler import Sampler

Verdict = Literal["bit-identical", "agrees", "undecided", "differs"]

_NOTHING: Final = "–"
_ROUNDING: Final = 1e-4
"""What scores may differ by, in points, from sums in another order."""


@attrs.frozen
class Change:
    """One thing that is not as it was when a run was made.

    Args:
        what: Such as ``"torch"``, ``"git commit"`` or ``"the source of backbone flow"``.
        then: What it was.
        now: What it is.
    """

    what: str
    then: str
    now: str


@attrs.frozen(kw_only=True)
class Comparison:
    """How a repetition came out.

    Args:
        verdict: ``bit-identical`` if the trained weights and every episode are the same;
            ``agrees`` if the scores are the same but for rounding, or the 95 % interval of their
            difference holds 0; ``undecided`` if that has no interval, from one episode;
            ``differs``.
        same_weights: Whether the agents' weights are the same, byte for byte.
        difference: The repetition's score less the run's, of returns where there is no score, by
            episodes of the same start where both have them; ``None`` for what is not scored.
    """

    verdict: Verdict
    same_weights: bool
    difference: Interval | None


def repeat(
    detail: RunDetail,
    *,
    registry: Registry,
    catalogue: Catalogue,
    device: torch.device,
    output: Path,
    command: str = "",
    say: Say = warn,
) -> tuple[list[Launch], list[Change]]:
    """Make ready to run a finished run's recipe again, with its seed and its data.

    A run that trained as one program with others draws its random numbers with them: it comes out
    the same only together with them, so all are made ready, where the registry knows them all.

    Args:
        detail: What the registry knows of it.
        registry: Where the repetition is recorded, as a run of its own whose parent is the run.
        catalogue: The installed parts.
        device: Where the models live.
        output: The folder in which the repetition gets a folder of its own.
        command: The command line as typed.
        say: Told what is odd.

    Returns:
        The runs to make as one program, the repetition's parent being the run; and everything that
        is not as it was.

    Raises:
        UsageError: It is not finished, or trained nothing.
        DataError: Its data is not what it was.
        PartError: One of its parts is not installed or broken.
        RegistryError: The registry cannot be written.
    """
    if detail.start.reference is not None:
        raise UsageError(
            f"run {detail.id} measured {detail.start.measured} and trained nothing; "
            f"`{detail.start.measured_by}` measures it again"
        )
    if detail.state != "finished":
        raise UsageError(
            f"run {detail.id} is {detail.state} and has no result to reproduce; "
            f"`agent resume {detail.id}` goes on with it"
        )
    recipe = recall(catalogue, detail.start.recipe, detail.start.providers)
    dataset = recipe.part("dataset", DatasetRecipe).prepare()
    check_same_data(detail, dataset)
    sampler, launches = Sampler(dataset, device, recipe.train.resident), []
    for each in _together(detail, registry, say):
        again = recall(catalogue, each.start.recipe, each.start.providers)
        launches.append(
            start(
                attrs.evolve(again, origins=each.start.origins),
                dataset,
                registry=registry,
                output=output,
                device=device,
                command=command,
                parent=each.id,
                say=say,
                sampler=sampler,
            )
        )
    return launches, list(_changes(detail, recipe, device))


def _together(detail: RunDetail, registry: Registry, say: Say) -> list[RunDetail]:
    """Return the runs that a run came out with; alone, where they cannot be had, saying so."""
    names, left = companions(detail), left_at(detail)
    if left is not None:
        say(
            f"run {detail.id} trained as one program with others, and alone from step {left} on: "
            "a repetition can only agree within the interval"
        )
        return [detail]
    found = {name: run for name in names if (run := known(registry, name)) is not None}
    gone = [name for name in names if name not in found]
    if gone:
        say(
            f"run {detail.id} drew its random numbers together with runs that are no longer in the "
            f"registry ({', '.join(gone)}): alone, it can only agree within the interval"
        )
    return [found[name] for name in names] if names and not gone else [detail]


def compare(then: RunDetail, now: RunDetail) -> Comparison:
    """Compare a run with its repetition."""
    weights = _weights(then)
    same_weights = weights is not None and weights == _weights(now)
    first, second = then.final_evaluation, now.final_evaluation
    if first is None or second is None:
        verdict: Verdict = "bit-identical" if same_weights else "differs"
        return Comparison(verdict=verdict, same_weights=same_weights, difference=None)
    difference = score_difference(first, second) or return_difference(first, second)
    if same_weights and first.episodes == second.episodes:
        verdict = "bit-identical"
    else:
        verdict = _verdict(difference)
    return Comparison(verdict=verdict, same_weights=same_weights, difference=difference)


def _verdict(difference: Interval) -> Verdict:
    if abs(difference.mean) < _ROUNDING or difference.low <= 0.0 <= difference.high:
        return "agrees"
    return "undecided" if math.isnan(difference.low) else "differs"


def _weights(detail: RunDetail) -> str | None:
    return next((a.sha256 for a in reversed(detail.artifacts) if a.kind == "agent"), None)


def _changes(detail: RunDetail, recipe: AgentRecipe, device: torch.device) -> Iterator[Change]:
    then = detail.start
    yield from _differing(then.versions, surroundings.versions() | recipe.files())
    yield from _differing(then.host, surroundings.host())
    yield from _differing({"device": then.device}, {"device": str(device)})
    git = surroundings.git_state(Path.cwd())
    commits = (then.git_commit, git.commit if git else None)
    yield from _differing({"git commit": commits[0]}, {"git commit": commits[1]})
    if then.git_dirty or (git and git.dirty):
        states = [_cleanness(dirty) for dirty in (then.git_dirty, git.dirty if git else None)]
        yield Change("git's tracked files", *states)
    yield from _changed_sources(detail, recipe)


def _changed_sources(detail: RunDetail, recipe: AgentRecipe) -> Iterator[Change]:
    known = {part.slot: part for part in detail.start.parts}
    for part in recipe.part_records():
        before = known.get(part.slot)
        if before is not None and before.source_hash != part.source_hash:
            what = f"the source of {part.slot} {part.name}"
            yield Change(what, before.source_hash[:12], part.source_hash[:12])


def _differing(then: Any, now: Any) -> Iterator[Change]:
    for name in sorted({*then, *now}):
        before, after = then.get(name), now.get(name)
        if before != after:
            yield Change(name, _said(before), _said(after))


def _said(value: Any) -> str:
    return _NOTHING if value is None else str(value)


def _cleanness(dirty: bool | None) -> str:
    return {True: "changed", False: "as committed", None: _NOTHING}[dirty]


def in_words(comparison: Comparison, then: EvaluationRecord | None) -> str:
    """Return the verdict as a sentence, with the numbers that it rests on."""
    if comparison.verdict == "bit-identical":
        scored = " and every episode" if then is not None else ""
        return f"bit-identical: the trained weights{scored} are the same"
    if comparison.difference is None:
        return "differs: the trained weights are not the same, and nothing was scored"
    found = comparison.difference
    what = "return" if then is None or then.score is None else "score"
    numbers = f"the {what} differs by {found.mean:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
    if comparison.verdict == "undecided":
        return f"undecided: the {what} differs by {found.mean:+.2f}, over one episode"
    if comparison.verdict == "agrees":
        return f"agrees: {numbers}, an interval that holds 0 or rounding"
    return f"differs: {numbers}, an interval without 0"
