"""Bundles: some runs in a file of their own, to be kept or taken elsewhere.

``NAME.db`` is a registry that holds those runs whole. ``NAME.zip`` holds such a registry as
``registry.db``, and what the runs need to be used, under ``runs/<id>/``.
"""

import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from genpolicy.errors import RegistryError, UsageError
from genpolicy.registry.bundle_files import files_of
from genpolicy.registry.registry import Registry
from genpolicy.registry.run_rows import RunRows

DATABASE: Final = "registry.db"
FOLDER: Final = "runs"
SUFFIXES: Final = (".db", ".zip")

_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the same runs make the same file, whenever they are bundled


def export_runs(
    registry: Registry,
    run_ids: Sequence[str],
    target: Path,
    *,
    checkpoints: bool = False,
    force: bool = False,
) -> list[str]:
    """Write runs as they stand into a bundle, which is there whole or not at all.

    Args:
        registry: Where they are.
        run_ids: Their identifiers.
        target: The file, ``NAME.db`` or ``NAME.zip``.
        checkpoints: Whether a zip file takes the checkpoints along.
        force: Whether to replace a file that is there.

    Returns:
        A sentence for every file that is not in the bundle as it should be.

    Raises:
        UsageError: The target has another ending, or is there already.
        RegistryError: The registry cannot be read, or the file not be written.
    """
    target = Path(os.path.realpath(target.expanduser()))
    _check(registry, target, force=force)
    try:
        if target.suffix == ".db":
            _write_database(registry, run_ids, target)
            return []
        return _write_zip(registry, run_ids, target, checkpoints=checkpoints)
    except OSError as error:
        raise RegistryError(
            f"the bundle {str(target)!r} cannot be written: {error.strerror or error}"
        ) from error


def _check(registry: Registry, target: Path, *, force: bool) -> None:
    if target.suffix not in SUFFIXES:
        raise UsageError(f"a bundle is NAME.db or NAME.zip; got {target.name!r}")
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {str(target.parent)!r} to write a bundle in")
    if registry.path is not None and target.exists() and target.samefile(registry.path):
        raise UsageError(f"{str(target)!r} is the registry itself; name another file")
    if target.is_dir() or (target.exists() and not force):
        raise UsageError(f"{str(target)!r} is there already; --force replaces a file")
    if target.with_name(f"{target.name}-wal").exists():
        raise UsageError(
            f"{str(target)!r} is a registry in use, with a log beside it; name another file"
        )


def _write_database(registry: Registry, run_ids: Sequence[str], target: Path) -> None:
    made = target.with_name(f".{target.name}.{os.getpid()}")  # paths are relative to its folder
    try:
        with _new_registry(made) as bundle:
            for rows in rows_of(registry, run_ids):
                bundle.merge(rows)
        made.replace(target)
    finally:
        for end in ("", "-wal", "-shm"):
            made.with_name(made.name + end).unlink(missing_ok=True)


def _write_zip(
    registry: Registry, run_ids: Sequence[str], target: Path, *, checkpoints: bool
) -> list[str]:
    remarks: list[str] = []
    bare: list[Path] = []
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as name:
        folder = Path(os.path.realpath(name))
        made = folder / target.name
        with zipfile.ZipFile(made, "w") as archive:
            with _new_registry(folder / DATABASE) as bundle:
                for rows in rows_of(registry, run_ids):
                    bundle.merge(rows.moved(folder / FOLDER / rows.id))
                    files, odd = files_of(rows, checkpoints=checkpoints)
                    remarks += odd
                    bare += [] if files or odd else [rows.directory]
                    for name, path in files:
                        _add(archive, f"{FOLDER}/{rows.id}/{name}", path)
            _add(archive, DATABASE, folder / DATABASE)
        made.replace(target)
    if bare:
        remarks.append(f"of {_counted(len(bare))} there are no files, as in {str(bare[0])!r}")
    return remarks


@contextmanager
def _new_registry(path: Path) -> Iterator[Registry]:
    with Registry.open(path) as made:
        yield made
        made.compact()


def rows_of(registry: Registry, run_ids: Sequence[str]) -> Iterator[RunRows]:
    """Yield all rows of each run, read when it is asked for."""
    for run_id in run_ids:
        rows = registry.rows(run_id)
        if rows is not None:  # else it was removed a moment ago
            yield rows


def _counted(runs: int) -> str:
    return "one run" if runs == 1 else f"{runs:,} runs"


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.external_attr = 0o644 << 16
    packed = path.suffix != ".safetensors"  # weights do not get any smaller
    entry.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
        while chunk := source.read(1 << 20):
            target.write(chunk)
