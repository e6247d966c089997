"""What tells recipes apart, in as few words as do."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import attrs

from genpolicy.recipe_settings import flat
from genpolicy.records import KINDS, RunStart

_SECTIONS: Final = ("train", "evaluation")
_CHOSEN_FOR_YOU: Final = ("default", "recipe ")

Facts = Mapping[str, Any]


@attrs.frozen
class Difference:
    """One value that tells a recipe from others.

    Args:
        key: Its slot, such as ``"objective"``, its option, such as ``"objective.beta"``, or
            ``"recipe"``.
        value: The part's full name, the option's value, or how the recipe's hash begins; ``None``
            for a slot that only others fill.
    """

    key: str
    value: Any


def differences(runs: Sequence[RunStart]) -> list[tuple[Difference, ...]]:
    """Return, for one run of each recipe, its objective and what else tells it from the others.

    What differs is told where somebody chose it, not where it follows from a default or a named
    recipe, unless nothing else tells two recipes apart. Options count only between recipes that
    have the same part.

    Args:
        runs: One run of each recipe.
    """
    facts = [flat(run.recipe) for run in runs]
    differing = [key for key in _keys(facts) if _differs(key, facts)]
    told = [key for key in differing if any(_chosen(key, run) for run in runs)]
    for one, other in combinations(facts, 2):
        apart = [key for key in differing if _differs(key, [one, other])]
        if apart and not any(key in told for key in apart):
            told.append(apart[0])
    keys = [key for key in differing if key in told and key != "objective"]
    described = [tuple(_described(fact, keys)) for fact in facts]
    return [
        told if described.count(told) == 1 else (*told, Difference("recipe", run.recipe_hash[:6]))
        for told, run in zip(described, runs, strict=True)
    ]


def _described(facts: Facts, keys: Sequence[str]) -> Iterator[Difference]:
    if "objective" in facts:
        yield Difference("objective", facts["objective"])
    for key in keys:
        if key in facts or "." not in key:
            yield Difference(key, facts.get(key))


def _keys(facts: Sequence[Facts]) -> list[str]:
    """Return all keys, the objective's first, parts before their options."""
    order = {slot: place for place, slot in enumerate(KINDS)}
    keys = dict.fromkeys(key for fact in facts for key in fact)
    return sorted(keys, key=lambda key: (order.get(key.partition(".")[0], len(order)), "." in key))


def _differs(key: str, facts: Sequence[Facts]) -> bool:
    slot, dot, _ = key.partition(".")
    if not dot or slot in _SECTIONS:
        return len({repr(fact.get(key)) for fact in facts}) > 1
    values: dict[str, set[str]] = {}
    for fact in facts:
        if slot in fact:
            values.setdefault(fact[slot], set()).add(repr(fact.get(key)))
    return any(len(found) > 1 for found in values.values())


def _chosen(key: str, run: RunStart) -> bool:
    return not run.origins.get(key, "default").startswith(_CHOSEN_FOR_YOU)
