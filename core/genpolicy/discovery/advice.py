"""Who a distribution is, and what to do about one that does not work."""

from importlib import metadata
from pathlib import Path
from typing import Final

from genpolicy.records import SINGLE_FILE

OWN: Final = "genpolicy"
"""The distribution of this program, whose parts are told apart from everybody else's."""

UNPACKAGED: Final = "unpackaged"
"""The version of a plugin in a single file."""


def upgrade(distribution: str, file: Path | None = None) -> str:
    """Return what to do when a distribution does not work.

    Args:
        distribution: Its normalised name.
        file: The single file that it is, if it is one.
    """
    if distribution.startswith(SINGLE_FILE):
        if file is not None and not file.is_file():
            return "name one that exists with --plugin"
        return f"correct {file or _file_of(distribution)}"
    if distribution == OWN:
        return f"install {OWN} again, as its README says"
    folder = editable_folder(distribution)
    if folder is not None:
        return f"correct it in {folder}"
    return (
        f"upgrade it with `pip install -U {distribution}` or remove it with "
        f"`pip uninstall {distribution}`"
    )


def reinstall(distribution: str, known: str | None = None) -> str:
    """Return what brings a distribution back that is not here, as the end of a sentence.

    Args:
        distribution: Its normalised name.
        known: What is recorded of it: the version, or the path of a single file.
    """
    if distribution.startswith(SINGLE_FILE):
        path = known if known not in (None, UNPACKAGED) else _file_of(distribution)
        return f"needs the file {path}: name it with --plugin {path}, or in AGENT_PLUGIN_FILES"
    name, wanted = distribution, distribution
    if known is not None:
        name, wanted = f"{distribution} {known}", f"{distribution}=={known}"
    return f"needs the plugin {name}, which is not installed: `pip install {wanted}`"


def editable_folder(distribution: str) -> Path | None:
    """Return the folder of a project that is installed as editable, so that it is edited there."""
    from genpolicy.discovery.provenance import project_folder  # which needs this module

    try:
        return project_folder(metadata.distribution(distribution))
    except metadata.PackageNotFoundError:
        return None


def _file_of(distribution: str) -> str:
    return f"{distribution.removeprefix(SINGLE_FILE)}.py"
