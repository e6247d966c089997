"""Whose code an exception came from, and how to say so."""

import traceback
from collections.abc import Mapping
from pathlib import Path
from types import CodeType

import torch

from genpolicy.composition.agent_recipe import AgentRecipe, Chosen
from genpolicy.discovery.words import describe
from genpolicy.errors import DivergedError, GenpolicyError, RunError
from genpolicy.training.checkpoint import write_atomically
from genpolicy.training.runner import Runner


def explain(error: BaseException, runner: Runner) -> BaseException:
    """Return the error to raise for one that ended a run.

    What a part's code raised becomes a :class:`RunError` that names the part; its traceback is kept
    in the run's folder, as is anything else's, which is returned as it is. A loss that diverged
    may be any part's fault: those that are not our own are named.
    """
    if isinstance(error, DivergedError):
        return DivergedError(f"{error}{_suspects(runner.recipe)}")
    if isinstance(error, GenpolicyError) or not isinstance(error, (Exception, SystemExit)):
        return error
    owner = blame(error, runner.recipe)
    path = runner.folder / "traceback.txt"
    kept = f"; its traceback is in {path}" if _keep(path, error) else ""
    if _is_out_of_memory(error):
        return RunError(
            f"memory ran out at step {runner.learner.step} of {runner.total_steps}; take a smaller "
            f"batch or network, or a device with more memory{kept}"
        )
    if owner is None:
        return error
    who, advice = owner
    return RunError(
        f"{who} failed at step {runner.learner.step} of {runner.total_steps} "
        f"({in_words(error)}){kept}{advice}"
    )


def blame(error: BaseException, recipe: AgentRecipe) -> tuple[str, str] | None:
    """Return which part of a recipe was at work when an exception was raised.

    The innermost call into the module of a part's recipe counts, else into the same package.

    Returns:
        Who it was, such as ``"objective 'drift' of genpolicy-drift 1.0"``, or ``"a part of …"``
        where only the distribution is known, and what to do about it; ``None`` if no part was at
        work.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    places = [(str(each.f_globals.get("__name__", "")), each.f_code) for each in reversed(frames)]
    for module, code in places:
        homes = {slot: each for slot, each in recipe.chosen.items() if _home(each) == module}
        if homes:
            return _named(homes, code)
    packages = {_home(each).partition(".")[0]: each.entry for each in recipe.chosen.values()}
    for module, _ in places:
        entry = packages.get(module.partition(".")[0])
        if entry is not None:
            return f"a part of {entry.distribution} {entry.version}", entry.advice
    return None


def in_words(error: BaseException) -> str:
    """Return an exception in one line; one raised on purpose speaks for itself."""
    return str(error).strip() if isinstance(error, GenpolicyError) else describe(error)


def _is_out_of_memory(error: BaseException) -> bool:
    # On a CPU torch raises a plain RuntimeError, of which only the words tell.
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )


def _home(chosen: Chosen) -> str:
    return type(chosen.recipe).__module__


def _named(homes: Mapping[str, Chosen], code: CodeType) -> tuple[str, str]:
    """Return which of the parts that one module defines a piece of code belongs to."""
    owner = code.co_qualname.partition(".")[0]
    own = {slot: each for slot, each in homes.items() if type(each.recipe).__name__ == owner}
    found = own or homes
    slot, chosen = next(iter(found.items()))
    entry = chosen.entry
    if len(found) > 1:
        return f"a part of {entry.distribution} {entry.version}", entry.advice
    return f"{slot} {chosen.name!r} of {entry.distribution} {entry.version}", entry.advice


def _suspects(recipe: AgentRecipe) -> str:
    entries = [each.entry for each in recipe.chosen.values() if each.entry.is_foreign]
    if not entries:
        return ""
    labels = dict.fromkeys(entry.label for entry in entries)
    places = dict.fromkeys(f"`agent plugins check {e.file or e.distribution}`" for e in entries)
    return f"; or the fault lies in {' or '.join(labels)}, as {' and '.join(places)} may tell"


def _keep(path: Path, error: BaseException) -> bool:
    try:
        write_atomically(path, "".join(traceback.format_exception(error)).encode())
    except OSError:
        return False
    return True
