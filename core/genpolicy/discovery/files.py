"""Plugins in single files that no distribution packages yet: ``--plugin FILE.py``.

They are carried by an environment variable, so that child processes find the same parts.
"""

import os
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Final

FILES: Final = "AGENT_PLUGIN_FILES"


def named_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files that ``AGENT_PLUGIN_FILES`` names, with ``os.pathsep`` between them."""
    return tuple(Path(path).resolve() for path in environ.get(FILES, "").split(os.pathsep) if path)


def name_files(paths: Iterable[Path], environ: MutableMapping[str, str] = os.environ) -> None:
    """Add files to ``AGENT_PLUGIN_FILES``, as absolute paths and each once."""
    files = (*named_files(environ), *(path.resolve() for path in paths))
    environ[FILES] = os.pathsep.join(dict.fromkeys(map(str, files)))
