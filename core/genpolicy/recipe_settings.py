"""A recorded recipe, value by value, under the names that a user types."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import attrs

from genpolicy.errors import did_you_mean

_SECTIONS: Final = ("train", "evaluation")


@attrs.frozen(kw_only=True)
class Setting:
    """One value of a recorded recipe.

    Args:
        slot: Where it stands, such as ``"backbone"`` or ``"train"``.
        part: The full name of the part there; ``None`` for a section without one.
        option: The option; ``None`` for the choice of the part itself.
        value: Its value.
        origin: Where it came from, such as ``"command line"``.
    """

    slot: str
    part: str | None
    option: str | None
    value: Any
    origin: str


def settings_of(recipe: Mapping[str, Any], origins: Mapping[str, str]) -> list[Setting]:
    """Return every value of a recorded recipe, be it an agent's or a reference policy's.

    Args:
        recipe: The recipe as JSON values.
        origins: Where values came from, by their keys.
    """
    return [
        Setting(
            slot=slot,
            part=part,
            option=option,
            value=value,
            origin=origins.get(_key(slot, option), "default"),
        )
        for slot, part, option, value in _values(recipe)
    ]


def flat(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return every value of a recorded recipe by its key, such as ``"objective.beta"``.

    Args:
        recipe: The recipe as JSON values.
    """
    return {_key(slot, option): value for slot, _, option, value in _values(recipe)}


def option_value(value: Any) -> str:
    """Return an option's value as it would be typed after ``kind.key=``."""
    if isinstance(value, (list, tuple)):
        return ",".join(option_value(item) for item in value)
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and value == float(f"{value:g}") else str(value)


def nearest_key(key: str, known: Collection[str]) -> str:
    """Return the end of a sentence on a key that is not known: what may have been meant.

    Args:
        key: What was typed, such as ``"objective.bta"``.
        known: All keys; where some are of the same part, these alone are told.
    """
    slot = key.rpartition(".")[0]
    return did_you_mean(key, [k for k in known if k.rpartition(".")[0] == slot] or list(known))


def _values(recipe: Mapping[str, Any]) -> Iterator[tuple[str, str | None, str | None, Any]]:
    parts = recipe["parts"] if "parts" in recipe else {"dataset": recipe.get("dataset")}
    for slot, part in parts.items():
        if part is not None:
            name = part["name"]
            yield slot, name, None, name
            yield from ((slot, name, option, value) for option, value in part["options"].items())
    for section in _SECTIONS:
        values = recipe.get(section, {})
        yield from ((section, None, option, value) for option, value in values.items())


def _key(slot: str, option: str | None) -> str:
    return slot if option is None else f"{slot}.{option}"
