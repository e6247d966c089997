"""Opening a registry to write to it."""

from typing import TYPE_CHECKING

from genpolicy_cli.output import say

if TYPE_CHECKING:
    from genpolicy.registry import Registry


def writable(place: str, *, create: bool = True) -> "Registry":
    """Open a registry to be changed, and say so if it was brought up to date.

    Args:
        place: Its path or URL.
        create: Whether it is created where there is none.

    Raises:
        RegistryError: It cannot be used.
    """
    from genpolicy.registry import Registry

    opened = Registry.open(place, create=create)
    if opened.notice:
        say(opened.notice)
    return opened
