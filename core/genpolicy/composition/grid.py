"""Several values of an option, typed with commas: every combination is a recipe of its own.

A comma names several values of an option that takes one number, ``true`` or ``false``, or a choice;
in a list or a text it means what it always does.
"""

import itertools
import types
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Union, get_args, get_origin

from genpolicy.composition.agent_recipe import BASES, AgentRecipe
from genpolicy.composition.choosing import split_name
from genpolicy.composition.layers import Layer
from genpolicy.composition.resolve import resolve
from genpolicy.conversion import convert
from genpolicy.discovery import Catalogue
from genpolicy.errors import OptionError, PartError
from genpolicy.evaluation.protocol import Protocol
from genpolicy.recipe import Recipe, options_of
from genpolicy.training.options import TrainOptions

_COMMA: Final = ","
_BRACKETS: Final = ("(", "[")  # a list's
_SECTIONS: Final[Mapping[str, type[Recipe]]] = {"train": TrainOptions, "evaluation": Protocol}
_SCALARS: Final = (int, float, bool, type(None))
_UNIONS: Final = (Union, types.UnionType)


def resolve_grid(
    catalogue: Catalogue,
    layers: Sequence[Layer],
    *,
    recipe: str | None = None,
    seed: int | None = None,
) -> list[AgentRecipe]:
    """Return the recipes that settings describe, as :func:`resolve` does one.

    Args:
        catalogue: The installed parts.
        layers: Settings, the later over the earlier; the last, as typed, may name several values.
        recipe: A named recipe to start from; as for :func:`resolve`.
        seed: The seed of all; as for :func:`resolve`.

    Raises:
        OptionError: A value does not fit, is empty or is named twice.
        GenpolicyError: As for :func:`resolve`.
    """
    *lower, typed = layers
    _refuse_several_parts(catalogue, typed.values)
    several = {
        key: value
        for key, value in typed.values.items()
        if "." in key and _COMMA in value and not value.startswith(_BRACKETS)
    }
    if several:
        rest = {key: value for key, value in typed.values.items() if key not in several}
        base = resolve(catalogue, [*lower, Layer(typed.origin, rest)], recipe=recipe, seed=seed)
        several = {key: value for key, value in several.items() if _takes_one(base, key)}
    values = {key: _values(base, key, value) for key, value in several.items()}
    points = [
        dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())
    ]
    return [
        resolve(
            catalogue,
            [*lower, Layer(typed.origin, {**typed.values, **point})],
            recipe=recipe,
            seed=seed,
        )
        for point in points
    ]


def _refuse_several_parts(catalogue: Catalogue, typed: Mapping[str, str]) -> None:
    """Raise an OptionError where several parts are named for one place."""
    for slot, value in typed.items():
        kind, names = slot.rpartition(".")[2], [name.strip() for name in value.split(_COMMA)]
        if len(names) > 1 and kind in BASES and all(_is_part(catalogue, kind, n) for n in names):
            raise OptionError(
                f"{slot}={value} names {len(names)} parts, and a run has one of each kind; several "
                f"values are for options of a part, so run the command once with {slot}={names[0]}"
                ", and once with each other"
            )


def _is_part(catalogue: Catalogue, kind: str, typed: str) -> bool:
    try:
        catalogue.find(kind, split_name(typed)[0])
    except PartError:
        return False
    return True


def _values(base: AgentRecipe, key: str, typed: str) -> list[str]:
    """Return the values of an option, as they were typed.

    Raises:
        OptionError: One is empty, does not fit, or is named twice.
    """
    pieces = [piece.strip() for piece in typed.split(_COMMA)]
    if not all(pieces):
        raise OptionError(
            f"{key}={typed} has an empty value; several values stand between commas, such as "
            f"{key}={_COMMA.join(_example(_annotation(base, key), pieces))}"
        )
    slot, _, option = key.rpartition(".")
    meant = [convert(each, _annotation(base, key), who=f"{slot}.{option}") for each in pieces]
    twice = [piece for number, piece in enumerate(pieces) if meant[number] in meant[:number]]
    if twice:
        raise OptionError(f"{key}={typed} names {twice[0]} twice; each value is run once")
    return pieces


def _example(annotation: Any, typed: Sequence[str]) -> Sequence[str]:
    """Return at least two values: those typed, if they are so many, or some of the type."""
    given = [piece for piece in typed if piece]
    if len(given) > 1:
        return given
    members = get_args(annotation) if get_origin(annotation) in _UNIONS else (annotation,)
    choices = [each for one in members if get_origin(one) is Literal for each in get_args(one)]
    if bool in members:
        return ("on", "off")
    return [str(choice) for choice in choices[:2]] if len(choices) > 1 else ("1", "2")


def _takes_one(base: AgentRecipe, key: str) -> bool:
    """Whether an option takes a single number, truth value or choice."""
    return _is_scalar(_annotation(base, key))


def _annotation(base: AgentRecipe, key: str) -> Any:
    """Return an option's type; a text's of one that is not known, which is refused later."""
    slot, _, option = key.rpartition(".")
    part = _SECTIONS.get(slot)
    for place in (slot, slot.rpartition(".")[2]):  # what a role does not name is the policy's
        if part is None and place in base.chosen:
            part = type(base.chosen[place].recipe)
    known = options_of(part) if part is not None else {}
    return known[option].type if option in known else str


def _is_scalar(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in _UNIONS:
        return all(_is_scalar(member) for member in get_args(annotation))
    return origin is Literal or annotation in _SCALARS
