"""Which runs of a grid can train as one program."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np
import torch

from genpolicy.agent import shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.errors import UsageError
from genpolicy.recipe_settings import flat
from genpolicy.training.learner import Learner, course_of
from genpolicy.training.members import Members
from genpolicy.training.trial import refusal
from genpolicy.transforms.selection import rows_of

_ROWS: Final = 4  # of each member, to see whether its losses can be taken at once
_ACTING: Final = ("inference", "evaluation")
"""Slots of what no training step reads."""


@attrs.frozen
class Programs:
    """Runs by the program that they train in.

    Args:
        recipes: The runs of each program.
        why: Why they are not one program, in words, if they are not.
    """

    recipes: tuple[tuple[AgentRecipe, ...], ...]
    why: str | None


def varied(recipes: Sequence[AgentRecipe]) -> tuple[str, ...]:
    """Return the options in which recipes differ, such as ``"objective.beta"``."""
    values = [flat(recipe.as_json()) for recipe in recipes]
    names = dict.fromkeys(name for each in values for name in each)
    return tuple(name for name in names if len({_key(each, name) for each in values}) > 1)


def varied_options(recipes: Sequence[AgentRecipe]) -> tuple[str, ...]:
    """Return the options in which recipes of the same parts differ; none of other recipes."""
    names = varied(recipes)
    return names if all("." in name for name in names) else ()


def programs_of(recipes: Sequence[AgentRecipe], dataset: Dataset, device: torch.device) -> Programs:
    """Return runs by the program that they can train in, as few as can be.

    Args:
        recipes: All combinations of some options' values and some seeds, on the same data.
        dataset: What to train on.
        device: Where the models are to live.

    Raises:
        BrokenPartError: A part fails to build.
    """
    if len(recipes) == 1:
        return Programs((tuple(recipes),), None)
    if any(recipe.train.online_steps for recipe in recipes):
        return Programs(_singly(recipes), "each acts in an environment of its own")
    reasons = _shaping(recipes)
    reasons |= _refused(_grouped(recipes, list(reasons))[0], dataset, device)
    found, whys = list[tuple[AgentRecipe, ...]](), list(reasons.values())
    for group in _grouped(recipes, list(reasons)):
        why = _trial(group, dataset, device) if len(group) > 1 else None
        found += [group] if why is None else _singly(group)
        whys += [why] if why is not None else []
    return Programs(tuple(found), next(iter(whys), None))


def _shaping(recipes: Sequence[AgentRecipe]) -> dict[str, str]:
    """Return why options shape the whole program, by option, as far as that is known at once."""
    reasons = {}
    for name in varied(recipes):
        if name.startswith("train."):
            reasons[name] = f"{name} says how all of a program train"
        elif len({str(course_of(each)) for each in _differing_in(name, recipes)}) > 1:
            reasons[name] = f"{name} changes the stages"
    return reasons


def _refused(
    recipes: Sequence[AgentRecipe], dataset: Dataset, device: torch.device
) -> dict[str, str]:
    """Return why options cannot differ within a program, by option, where that is their fault."""
    names = [name for name in varied(recipes) if name.partition(".")[0] not in _ACTING]
    whole = names and _trial(recipes, dataset, device)
    if not whole or _trial(recipes[:1], dataset, device) is not None:
        return {}
    reasons = {}
    for name in names:
        why = _trial(_differing_in(name, recipes), dataset, device)
        if why is not None:
            reasons[name] = f"{name} cannot differ within one: {why}"
    return reasons


def _trial(recipes: Sequence[AgentRecipe], dataset: Dataset, device: torch.device) -> str | None:
    """Return why recipes cannot train as one program, by one member of each and two at least."""
    each = list({recipe.hash(): recipe for recipe in recipes}.values())
    each = each if len(each) > 1 else each * 2
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        learners = [Learner(recipe, shapes_of(dataset), device) for recipe in each]
        few = rows_of(dataset, np.arange(len(each) * _ROWS) % len(dataset)).to_batch(device)
        try:
            return refusal(Members(learners), course_of(each[0]), few)
        except UsageError as error:
            return str(error)


def _differing_in(name: str, recipes: Sequence[AgentRecipe]) -> list[AgentRecipe]:
    """Return those that are the first but for one option, one of each value."""
    first, *others = [flat(recipe.as_json()) for recipe in recipes]
    found = {_key(first, name): recipes[0]}
    for values, recipe in zip(others, recipes[1:], strict=True):
        if {**values, name: None} == {**first, name: None}:
            found.setdefault(_key(values, name), recipe)
    return list(found.values())


def _grouped(recipes: Sequence[AgentRecipe], names: Sequence[str]) -> list[tuple[AgentRecipe, ...]]:
    groups: dict[tuple[str, ...], list[AgentRecipe]] = {}
    for recipe in recipes:
        values = flat(recipe.as_json())
        groups.setdefault(tuple(_key(values, name) for name in names), []).append(recipe)
    return [tuple(group) for group in groups.values()]


def _singly(recipes: Sequence[AgentRecipe]) -> tuple[tuple[AgentRecipe, ...], ...]:
    return tuple((recipe,) for recipe in recipes)


def _key(values: Mapping[str, Any], name: str) -> str:
    return repr(values.get(name))
