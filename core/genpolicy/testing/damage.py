"""What becomes of files: lost, emptied, cut short, overwritten with noise."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np


def damaged_copies(file: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield what happened to a copy of a file, and where that copy lies.

    Args:
        file: A file that can be read.
        folder: Where copies are written.
    """
    content = file.read_bytes()
    damage = {
        "empty": b"",
        "cut-short": content[: len(content) // 2],
        "of-noise": np.random.default_rng(0).bytes(4096),
    }
    yield "missing", folder / f"missing{file.suffix}"
    for name, damaged in damage.items():
        path = folder / f"{name}{file.suffix}"
        path.write_bytes(damaged)
        yield name, path
