"""A cache of flat arrays: what took long to read is read once, and memory-mapped ever after.

Each dataset is a folder of one ``.npy`` file per column beside ``dataset.json``. It is written
block by block under another name and renamed when it is whole, so there never is half of one; one
whose files are not those that were written is made again. All of it may be deleted at any time.
"""

import functools
import hashlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import platformdirs
from numpy.typing import NDArray

from genpolicy.column_files import StorageError, column_file, in_memory, storing, write_columns
from genpolicy.columns import NAMES, Columns, Seal, blocks, fingerprint_of, sealed
from genpolicy.dataset_checks import check_columns
from genpolicy.errors import GenpolicyWarning

try:
    import fcntl
except ImportError:  # not on Windows, where two processes may both do the work
    fcntl = None  # type: ignore[assignment]

LAYOUT: Final = 1
"""Counted up when the files change, so that no older folder is taken for a newer one."""

Key = Mapping[str, str | int]
Make = Callable[[], Iterable[Columns]]


def cache_directory() -> Path:
    """Return where made data is kept: ``AGENT_CACHE``, or the user's cache directory."""
    chosen = os.environ.get("AGENT_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("genpolicy")


def file_key(path: Path) -> dict[str, str | int]:
    """Return what tells a file from others and from what it was before it was written to."""
    facts = path.stat()
    return {"path": str(path.resolve()), "size": facts.st_size, "mtime": facts.st_mtime_ns}


def stored(name: str, key: Key, make: Make) -> Columns:
    """Return the transitions of a slow source, stored by the first call and mapped by later ones.

    Args:
        name: What messages call the dataset.
        key: All that the rows depend on: which source, in which state, read how.
        make: Reads the source, block by block; may be called twice.

    Returns:
        All rows, in read-only arrays; where the cache cannot be written, in plain ones.

    Raises:
        DataError: ``make`` raises it, or the arrays cannot be what they claim to be.
    """
    folder = _folder(name, key)
    found = _read(folder, key)
    if found is not None:
        return found
    try:
        with _alone(folder):
            return _read(folder, key) or _make(name, folder, key, make)
    except StorageError as problem:
        _warn(str(cache_directory()), str(problem))
        return in_memory(name, make())


def _folder(name: str, key: Key) -> Path:
    facts = json.dumps({"storage": LAYOUT, **key}, sort_keys=True)
    words = re.sub(r"[^\w.-]+", "-", name)[-60:].strip("-.")
    code = hashlib.sha256(facts.encode()).hexdigest()[:16]
    return cache_directory() / "datasets" / f"{words}-{code}"


def _read(folder: Path, key: Key) -> Columns | None:
    """Return what lies in a folder; ``None`` if that is not what was written there."""
    try:
        facts = json.loads((folder / "dataset.json").read_text())
        if facts["key"] != dict(key):
            return None
        return Columns(**{name: _open(folder, name, facts) for name in NAMES})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _open(folder: Path, name: str, facts: Mapping[str, Any]) -> NDArray[Any]:
    path, known = column_file(folder, name), facts["columns"][name]
    if _state(path) != known["state"]:
        raise ValueError(f"{path} is not what was written")
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    low, high = (np.array(known[end], array.dtype) for end in ("low", "high"))
    return sealed(array, Seal(name=name, fingerprint=facts["fingerprint"], low=low, high=high))


def _state(path: Path) -> list[int]:
    facts = path.stat()
    return [facts.st_size, facts.st_mtime_ns]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from making the same folder until the body ends, and tidy up after them.

    Raises:
        StorageError: There can be no such folder.
    """
    with storing():
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = folder.with_name(f"{folder.name}.lock").open("w")
    with lock:
        if fcntl is not None:
            with storing():
                fcntl.flock(lock, fcntl.LOCK_EX)
            for left in folder.parent.glob(f".{folder.name}.*"):
                shutil.rmtree(left, ignore_errors=True)
        yield


def _make(name: str, folder: Path, key: Key, make: Make) -> Columns:
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        with storing():
            partial.mkdir()
        write_columns(name, partial, make())
        facts = _look(name, partial)
        with storing():
            _write(partial / "dataset.json", json.dumps({"key": dict(key), **facts}))
            _replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    whole = _read(folder, key)
    if whole is None:
        raise StorageError("what was written there cannot be read back")
    return whole


def _look(name: str, folder: Path) -> dict[str, Any]:
    """Return what is to be known of new files, and see that they hold transitions."""
    arrays: dict[str, NDArray[Any]] = {
        column: np.load(column_file(folder, column), mmap_mode="r") for column in NAMES
    }
    check_columns(name, Columns(**arrays))
    columns = {}
    for column, array in arrays.items():
        low, high = _extremes(array)
        state = _state(column_file(folder, column))
        columns[column] = {"state": state, "low": low.tolist(), "high": high.tolist()}
    return {"fingerprint": fingerprint_of(arrays), "columns": columns}


def _extremes(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    lows = [array[rows].min(axis=0) for rows in blocks(array)]
    highs = [array[rows].max(axis=0) for rows in blocks(array)]
    return np.min(lows, axis=0), np.max(highs, axis=0)


def _write(path: Path, text: str) -> None:
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _replace(partial: Path, folder: Path) -> None:
    """Put a whole folder in its place; a damaged one there goes, though others may have it open."""
    if folder.exists():
        damaged = folder.with_name(f".{folder.name}.{os.getpid()}.damaged")
        folder.rename(damaged)
        shutil.rmtree(damaged, ignore_errors=True)
    partial.rename(folder)


@functools.cache
def _warn(place: str, problem: str) -> None:
    warnings.warn(
        f"data cannot be kept in {place!r} ({problem}), so they are read anew for every run and "
        "lie in memory; set AGENT_CACHE to a folder with room",
        GenpolicyWarning,
        stacklevel=3,
    )
