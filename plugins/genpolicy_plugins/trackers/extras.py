"""Packages that only one tracker needs."""

from importlib.util import find_spec

from genpolicy.errors import PartError


def require(package: str, tracker: str) -> None:
    """Refuse to go on without a package.

    Args:
        package: The name by which it is imported.
        tracker: The tracker that needs it, named like its extra.

    Raises:
        PartError: It is not installed; the message says how it is.
    """
    spec = find_spec(package)
    if (
        spec is None or spec.origin is None
    ):  # a folder of that name, such as it writes, is no module
        raise PartError(
            f"tracker {tracker} needs the package {package}, which is not installed: "
            f"pip install 'genpolicy[{tracker}]'"
        )
