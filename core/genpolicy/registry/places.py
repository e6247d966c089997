"""Where files are, written so that a registry can move together with its runs.

A path under the folder of the registry's own file is stored relative to it, with ``/`` between its
parts; every other path is stored absolute, as all are in a database that is no file.
"""

import os
from pathlib import Path

import attrs


@attrs.frozen
class Places:
    """Turns paths into what is stored of them, and back.

    Args:
        folder: The folder that stored paths may be relative to, absolute and free of symbolic
            links; ``None`` if there is none.
    """

    folder: Path | None = None

    @classmethod
    def beside(cls, file: Path) -> "Places":
        """Return the places as seen from a registry's file, wherever it is linked from."""
        return cls(Path(os.path.realpath(file)).parent)

    def encode(self, path: str) -> str:
        """Return what to store of a path."""
        absolute = Path(path).absolute()
        # As it is named first: what is linked into the folder shall be found there after a move.
        for named in (absolute, Path(os.path.realpath(absolute))):
            if self.folder and ".." not in named.parts and named.is_relative_to(self.folder):
                return named.relative_to(self.folder).as_posix()
        return str(absolute)

    def decode(self, stored: str) -> str:
        """Return the absolute path that was stored."""
        return str(self.folder / stored) if self.folder else stored
