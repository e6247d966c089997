"""The installed parts, with one line of complaint per plugin that does not work."""

from typing import TYPE_CHECKING

from genpolicy_cli.output import say

if TYPE_CHECKING:
    from genpolicy.discovery import Catalogue


def catalogue() -> "Catalogue":
    """Return the installed parts, and complain about broken plugins on the standard error."""
    from genpolicy.discovery import load_catalogue

    found = load_catalogue()
    for problem in found.problems():
        say(f"{problem}; see `agent plugins doctor`")
    return found
