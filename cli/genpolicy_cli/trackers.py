"""Trackers by name, and their options, which are no part of a run's recipe."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

from genpolicy.errors import OptionError
from genpolicy_cli import completion

if TYPE_CHECKING:
    from genpolicy.discovery import Catalogue, PartEntry
    from genpolicy.tracker import TrackerRecipe

_PREFIX: Final = "tracker."


def option(panel: str | None = None) -> Any:
    """Return the option that names trackers."""
    return typer.Option(
        "--tracker",
        help="A tracker that mirrors the metrics; may be given again. tracker.NAME.KEY=VALUE sets "
        "its options.",
        metavar="NAME",
        autocompletion=completion.names_of("tracker"),
        rich_help_panel=panel,
        show_default=False,
    )


def split(settings: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the settings of trackers and all others."""
    own = [text for text in settings if text.startswith(_PREFIX)]
    return own, [text for text in settings if not text.startswith(_PREFIX)]


def named_trackers(
    catalogue: "Catalogue", names: Sequence[str], settings: Sequence[str]
) -> "dict[str, TrackerRecipe]":
    """Return trackers by name.

    Args:
        catalogue: The installed parts.
        names: As the user named them.
        settings: ``tracker.NAME.KEY=VALUE`` texts.

    Raises:
        OptionError: One is of another form, an option is unknown or does not fit, or it is of a
            tracker that is not named.
        PartError: A tracker, or what it needs, is not installed.
    """
    from genpolicy.recipe import make_recipe
    from genpolicy.tracker import TrackerRecipe

    entries = {name: catalogue.find("tracker", name) for name in dict.fromkeys(names)}
    options: dict[str, dict[str, str]] = {entry.full_name: {} for entry in entries.values()}
    for text in settings:
        name, key, value = _parsed(text)
        options[_meant(catalogue, entries, name)][key] = value
    return {
        catalogue.short_name(entry): make_recipe(
            catalogue.load(entry, TrackerRecipe), options[entry.full_name], who=f"tracker {name}"
        )
        for name, entry in entries.items()
    }


def _parsed(text: str) -> tuple[str, str, str]:
    place, equals, value = text.removeprefix(_PREFIX).partition("=")
    name, dot, key = place.rpartition(".")
    if not (equals and dot and name and key):
        raise OptionError(
            f"{text!r} is not an option; options of trackers read tracker.name.key=value"
        )
    return name, key, value


def _meant(catalogue: "Catalogue", entries: "Mapping[str, PartEntry]", name: str) -> str:
    """Return the full name of a tracker whose option is set."""
    entry = catalogue.find("tracker", name)
    if entry not in entries.values():
        raise OptionError(
            f"an option of tracker {name} is set, and it is not used: add --tracker {name}"
        )
    return entry.full_name
