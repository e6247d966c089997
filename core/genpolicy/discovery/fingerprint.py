"""A hash of the source that a part comes from, which changes whenever that source does.

It covers all Python and TOML files of the part's top-level package (below namespaces, which several
distributions share), so that an editable plugin whose version never changes is told apart by a
change in any of them, a helper module included.
"""

import functools
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

_SUFFIXES = (".py", ".toml")


def source_hash(part: type) -> str:
    """Return the SHA-256, in hexadecimal, of the package that a class lives in.

    A module that is in no package is hashed alone. Every package is read once per process.

    Args:
        part: The class.

    Returns:
        The hash; ``""`` for a class without source files.
    """
    home = _home(part.__module__)
    return "" if home is None else _hash(home)


def _home(module: str) -> ModuleType | None:
    """Return the outermost package or module with a file, which a namespace does not have."""
    names = module.split(".")
    for depth in range(1, len(names) + 1):
        found = sys.modules.get(".".join(names[:depth]))
        if getattr(found, "__file__", None) is not None:
            return found
    return None


@functools.cache
def _hash(home: ModuleType) -> str:
    found = hashlib.sha256()
    files = dict(_files(home))
    for name in sorted(files):
        content = files[name].read_bytes()
        found.update(f"{name}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest() if files else ""


def _files(home: ModuleType) -> Iterator[tuple[str, Path]]:
    """Yield the source files with the paths that they have inside the package."""
    roots = getattr(home, "__path__", None)
    if roots is None:
        file = Path(str(home.__file__))
        yield from [(file.name, file)] if file.is_file() else []
        return
    for root in map(Path, roots):
        for file in root.rglob("*"):
            if file.suffix in _SUFFIXES and file.is_file() and "__pycache__" not in file.parts:
                yield file.relative_to(root).as_posix(), file
