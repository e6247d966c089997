"""One small, working part of every kind, and the files around them.

They are real files, imported, typed and tested here as they stand; a new distribution gets copies
in which the names are its own.
"""

import importlib.resources
from collections.abc import Iterator


def read(path: str) -> str:
    """Return the text of a template."""
    return importlib.resources.files(__name__).joinpath(path).read_text(encoding="utf-8")


def sources() -> Iterator[str]:
    """Return the texts of the modules of parts."""
    for file in importlib.resources.files(__name__).iterdir():
        if file.name.endswith(".py"):
            yield file.read_text(encoding="utf-8")
