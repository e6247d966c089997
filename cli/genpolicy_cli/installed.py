"""The installed parts, with one line of complaint per plugin that does not work."""

from typing import TYPE_CHECKING

from genpolicy_cli.output import say

if TYPE_CHECKING:
    from genpolicy.discovery import Catalogue


def catalogue() -> "Catalogue":
    """Return the installed parts, and complain about broken plugins on the standard error.

    Raises:
        BrokenPartError: A single file that the user named provides nothing.
    """
    from genpolicy.discovery import load_catalogue
    from genpolicy.errors import BrokenPartError
    from genpolicy.records import SINGLE_FILE

    found = load_catalogue()
    for plugin in found.plugins:
        if plugin.state == "broken" and plugin.distribution.startswith(SINGLE_FILE):
            raise BrokenPartError(str(plugin.problem))
    for problem in found.problems():
        say(f"{problem}; see `agent plugins doctor`")
    for note in found.contested(SINGLE_FILE):
        say(note)
    return found
