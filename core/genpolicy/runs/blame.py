"""Whose code an exception came from, and how to say so."""

import traceback
from pathlib import Path

from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.errors import GenpolicyError, RunError
from genpolicy.training.checkpoint import write_atomically
from genpolicy.training.runner import Runner


def explain(error: BaseException, runner: Runner) -> BaseException:
    """Return the error to raise for one that ended a run.

    What a part's code raised becomes a :class:`RunError` that names the part; its traceback is kept
    in the run's folder, as is anything else's, which is returned as it is.
    """
    if isinstance(error, GenpolicyError) or not isinstance(error, Exception):
        return error
    owner = blame(error, runner.recipe)
    path = runner.folder / "traceback.txt"
    kept = f"; its traceback is in {path}" if _keep(path, error) else ""
    if owner is None:
        return error
    return RunError(
        f"{owner} failed at step {runner.learner.step} of {runner.total_steps} "
        f"({in_words(error)}){kept}"
    )


def blame(error: BaseException, recipe: AgentRecipe) -> str | None:
    """Return which part of a recipe was at work when an exception was raised.

    The innermost call into the module of a part's recipe counts, else into the same package.

    Returns:
        Such as ``"objective 'drift' of genpolicy-drift 1.0"``, or ``"a part of …"`` where only the
        distribution is known; ``None`` if no part was at work.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    modules = [str(frame.f_globals.get("__name__", "")) for frame in reversed(frames)]
    homes = {type(chosen.recipe).__module__: slot for slot, chosen in recipe.chosen.items()}
    for module in modules:
        if module in homes:
            slot = homes[module]
            entry = recipe.chosen[slot].entry
            return f"{slot} {entry.spec.name!r} of {entry.distribution} {entry.version}"
    packages = {module.partition(".")[0]: slot for module, slot in homes.items()}
    for module in modules:
        package = module.partition(".")[0]
        if package in packages:
            entry = recipe.chosen[packages[package]].entry
            return f"a part of {entry.distribution} {entry.version}"
    return None


def in_words(error: BaseException) -> str:
    """Return an exception in one line; one raised on purpose speaks for itself."""
    text = str(error).strip()
    if isinstance(error, GenpolicyError):
        return text
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


def _keep(path: Path, error: BaseException) -> bool:
    try:
        write_atomically(path, "".join(traceback.format_exception(error)).encode())
    except OSError:
        return False
    return True
