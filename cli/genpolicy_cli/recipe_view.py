"""A recipe, value by value, with where each came from."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from rich.table import Table

from genpolicy.recipe_settings import Setting
from genpolicy_cli.tables import listing
from genpolicy_cli.words import option_value, short

if TYPE_CHECKING:
    from genpolicy.objective import Stage


SETTINGS: Final = ("slot", "part", "option", "value", "from")
"""The columns of a recipe."""


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


def _section(rows: Sequence[tuple[str, ...]]) -> str:
    """Return the slot that the last row belongs to."""
    return next((row[0] for row in reversed(rows) if row[0]), "")
