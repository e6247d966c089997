"""Shards on their way to a dataset: a folder beside the target, in which each is whole or absent.

The same command, called again after an interruption, finds them there and goes on.
"""

import json
import os
import platform
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from genpolicy.errors import DataError
from genpolicy.making.maker import Arrays, Maker, Shard, Shards
from genpolicy.making.workers import make_in_processes

try:
    import fcntl
except ImportError:  # not on Windows, where two processes may both do the work
    fcntl = None  # type: ignore[assignment]

Tell = Callable[[int], None]
"""Told of so many more transitions."""

_PACKAGES: Final = (
    "genpolicy",
    "numpy",
    "mujoco",
    "gymnasium",
    "gymnasium-robotics",
    "ogbench",
)
"""Packages whose versions decide what is made."""


def partial_folder(target: Path) -> Path:
    """Return where a file's shards lie while it is made."""
    return target.with_name(f"{target.name}.partial")


@contextmanager
def made(
    maker: Maker,
    shards: Sequence[Shard],
    folder: Path,
    *,
    jobs: int = 1,
    tell: Tell = lambda transitions: None,
) -> Iterator[Shards]:
    """Make the shards that are missing; while inside, all of them can be read.

    Args:
        maker: What makes them.
        shards: All of them.
        folder: Where they are kept until the body has ended without an error.
        jobs: How many processes make them; what is made does not depend on it.
        tell: Told as transitions are made, or found.

    Raises:
        DataError: The folder cannot be used, or the simulator cannot be had.
        RunError: A process that made a shard died.
    """
    with _alone(folder):
        _check_plan(folder, maker, shards)
        there = [shard for shard in shards if _opens_whole(_path(folder, shard))]
        tell(sum(shard.transitions for shard in there))
        work = _Work(maker, folder)
        missing = [shard for shard in shards if shard not in there]
        if jobs == 1 or len(missing) < 2:
            for shard in missing:
                work(shard, tell)
        else:
            make_in_processes(work, missing, min(jobs, len(missing)), tell)
        yield _OnDisk([_path(folder, shard) for shard in shards])
        shutil.rmtree(folder)


@attrs.frozen(eq=False)
class _Work:
    """Makes a shard and writes it down."""

    maker: Maker
    folder: Path

    def __call__(self, shard: Shard, tell: Tell) -> None:
        blocks = list(_told(self.maker.make(shard), shard, tell))
        arrays: dict[str, Any] = {
            name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]
        }
        path = _path(self.folder, shard)
        partial = path.with_suffix(".unfinished")
        with _writing(self.folder), partial.open("wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
            partial.replace(path)


@attrs.frozen(eq=False)
class _OnDisk(Shards):
    paths: Sequence[Path]

    def column(self, name: str) -> Iterator[NDArray[Any]]:
        for path in self.paths:
            with np.load(path, allow_pickle=False) as arrays:
                yield arrays[name]

    def names(self) -> tuple[str, ...]:
        with np.load(self.paths[0], allow_pickle=False) as arrays:
            return tuple(arrays.files)


def _told(blocks: Iterator[Arrays], shard: Shard, tell: Tell) -> Iterator[Arrays]:
    """Pass the blocks on and say how far they go; a row more than transitions counts as none."""
    left = shard.transitions
    for block in blocks:
        yield block
        done = min(left, len(next(iter(block.values()))))
        left -= done
        tell(done)


def _path(folder: Path, shard: Shard) -> Path:
    return folder / f"shard-{shard.index:06d}.npz"


def _opens_whole(path: Path) -> bool:
    """Return whether a shard is there and every column's checksum is right."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None and bool(archive.namelist())
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return False


def _check_plan(folder: Path, maker: Maker, shards: Sequence[Shard]) -> None:
    """Write down what is made, or compare with what another command had begun to make."""
    plan = {
        "maker": repr(maker),
        "shards": [attrs.asdict(shard) for shard in shards],
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in _PACKAGES},
        },
    }
    path = folder / "plan.json"
    if path.is_file() and _json(path) == plan:
        return
    if any(folder.glob("shard-*.npz")):
        raise DataError(
            f"{str(folder)!r} holds parts of a dataset that another command, or other versions of "
            "Python, genpolicy or the simulators, began to make; remove it, or name another place"
        )
    with _writing(folder):
        path.write_text(json.dumps(plan))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except ValueError:  # cut off while it was written
        return None


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from making the same."""
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    with lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DataError(f"{str(folder)!r} is being made by another process") from error
        yield


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{str(folder)!r} cannot be written: {error.strerror or error}") from error
