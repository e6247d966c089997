"""Whose code an exception came from."""

import traceback

from genpolicy.composition.agent_recipe import AgentRecipe


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
