"""A recipe, value by value, with where each came from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs
from rich.table import Table

from genpolicy_cli.tables import listing
from genpolicy_cli.words import option_value, short

if TYPE_CHECKING:
    from genpolicy.objective import Stage


SETTINGS: Final = ("slot", "part", "option", "value", "from")
"""The columns of a recipe."""


@attrs.frozen(kw_only=True)
class Setting:
    """One value of a recipe.

    Args:
        slot: Where it stands, such as ``"backbone"`` or ``"train"``.
        part: The full name of the part there; ``None`` for a section without one.
        option: The option; ``None`` for the choice of the part itself.
        value: Its value.
        origin: Where it came from.
    """

    slot: str
    part: str | None
    option: str | None
    value: Any
    origin: str


def settings_of(recipe: Mapping[str, Any], origins: Mapping[str, str]) -> list[Setting]:
    """Return every value of a recorded recipe, be it an agent's or a reference policy's."""
    return [*_settings(recipe, origins)]


def settings_rows(settings: Iterable[Setting]) -> list[tuple[str, ...]]:
    """Return the settings in words, each slot and part named once; see :data:`SETTINGS`."""
    rows: list[tuple[str, ...]] = []
    for setting in settings:
        if setting.option is None:
            rows.append((setting.slot, short(str(setting.value)), "", "", setting.origin))
        else:
            slot = "" if setting.part or (rows and _section(rows) == setting.slot) else setting.slot
            rows.append((slot, "", setting.option, option_value(setting.value), setting.origin))
    return rows


def settings_table(settings: Iterable[Setting]) -> Table:
    """Return the settings as a table."""
    return listing(SETTINGS, settings_rows(settings))


def stages_table(stages: "Sequence[Stage]") -> Table:
    """Return an objective's stages as a table."""
    rows = [
        (
            stage.name,
            f"{stage.steps:,}",
            f"{stage.batch_size:,}",
            ", ".join(f"{role} at {rate:g}" for role, rate in stage.learning_rates.items()),
            ", ".join(f"{copy} from {source}" for copy, source in stage.copies.items()),
        )
        for stage in stages
        if stage.steps
    ]
    columns: tuple[str, ...] = ("stage", "steps", "batch", "trains", "starts")
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]  # type: ignore[misc]
    return listing(columns, rows)


def _settings(recipe: Mapping[str, Any], origins: Mapping[str, str]) -> Iterator[Setting]:
    def origin(key: str) -> str:
        return origins.get(key, "default")

    parts = recipe["parts"] if "parts" in recipe else {"dataset": recipe["dataset"]}
    for slot, part in parts.items():
        name = part["name"]
        yield Setting(slot=slot, part=name, option=None, value=name, origin=origin(slot))
        for option, value in part["options"].items():
            where = origin(f"{slot}.{option}")
            yield Setting(slot=slot, part=name, option=option, value=value, origin=where)
    for section in ("train", "evaluation"):
        for option, value in recipe.get(section, {}).items():
            where = origin(f"{section}.{option}")
            yield Setting(slot=section, part=None, option=option, value=value, origin=where)


def _section(rows: Sequence[tuple[str, ...]]) -> str:
    """Return the slot that the last row belongs to."""
    return next((row[0] for row in reversed(rows) if row[0]), "")
