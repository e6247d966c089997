"""What a run happens in: the versions, the machine, the state of the source code."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import attrs

_GIT_SECONDS: Final = 10


@attrs.frozen(kw_only=True)
class GitState:
    """The repository that the program is called in.

    Args:
        commit: The commit that is checked out.
        dirty: Whether tracked files differ from it. Databases do not count: a registry that is
            tracked changes with every run.
    """

    commit: str
    dirty: bool


def versions() -> dict[str, str]:
    """Return Python's and every installed distribution's version by name."""
    found = {"python": platform.python_version()}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:  # a broken installation may have none
            found.setdefault(name.lower(), distribution.version)
    return dict(sorted(found.items()))


def host() -> dict[str, Any]:
    """Return the machine's name, platform and processor count."""
    return {
        "name": platform.node(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
    }


def git_state(folder: Path) -> GitState | None:
    """Return the state of the repository that a folder is in; ``None`` if it is in none."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(
        folder,
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ":(top)",
        ":(top,exclude,glob)**/*.db",
    )
    return GitState(commit=commit, dirty=changes != "")


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
