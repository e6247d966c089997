"""Which datasets are on this machine, by what follows the colon; light, because listings ask.

Only folders are looked at: no file is opened and no network asked.
"""

import os
from collections.abc import Iterator
from pathlib import Path

DATA = "main_data.hdf5"
"""The file in which Minari keeps a dataset's steps."""


def minari_ids() -> list[str]:
    """Return the ids of Minari's datasets, in its folder or in ``MINARI_DATASETS_PATH``."""
    root = _folder("MINARI_DATASETS_PATH", "~/.minari/datasets")
    return sorted(file.parent.parent.relative_to(root).as_posix() for file in _files(root, DATA))


def ogbench_names() -> list[str]:
    """Return the names of OGBench's datasets in the folder where OGBench keeps them."""
    root = Path("~/.ogbench/data").expanduser()
    names = {file.stem for file in _files(root, "*.npz")}
    return sorted(name for name in names if not name.endswith("-val"))


def d4rl_names() -> list[str]:
    """Return the names of D4RL's datasets in its folder or in ``AGENT_D4RL``."""
    from genpolicy_plugins.datasets.d4rl_names import local_names

    return local_names()


def _folder(variable: str, usual: str) -> Path:
    return Path(os.environ.get(variable) or usual).expanduser()


def _files(root: Path, pattern: str) -> Iterator[Path]:
    """Return the files below a folder that can be read, but not in hidden folders."""
    for folder, inside, files in os.walk(root):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        yield from (Path(folder) / name for name in sorted(files) if Path(name).match(pattern))
