"""The files of a run that a bundle takes along, and their way back into a folder."""

import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from genpolicy.errors import RegistryError
from genpolicy.registry.run_rows import RunRows

_RECIPE: Final = "recipe.toml"
_AGENT: Final = ("agent/agent.json", "agent/weights.safetensors")
_CHECKPOINT: Final = re.compile(r"checkpoints/step-\d+-[0-9a-f]+\.safetensors")
_WEIGHTS: Final = "weights.safetensors"
_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")


def files_of(rows: RunRows, *, checkpoints: bool) -> tuple[list[tuple[str, Path]], list[str]]:
    """Return the files to take along by their names in the run's folder.

    Returns:
        The files, and a sentence for each that is not what was recorded, which stays behind.
    """
    names = [_RECIPE, *_AGENT]
    if checkpoints:
        found = sorted(rows.directory.glob("checkpoints/step-*.safetensors"))
        names += [path.relative_to(rows.directory).as_posix() for path in found]
    files, remarks = [], []
    hashes = recorded_hashes(rows)
    for name in names:
        path = rows.directory / name
        if not path.is_file() or path.is_symlink():
            continue
        if problem := why_not_recorded(name, path, hashes):
            remarks.append(f"run {rows.id}: {problem}; it was left out")
        else:
            files.append((name, path))
    return files, remarks


def recorded_hashes(rows: RunRows) -> Mapping[str, str]:
    """Return the newest recorded hash of each file of weights, by its name in the run's folder."""
    hashes = {}
    for row in rows.children["artifacts"]:
        path = Path(row["path"])
        file = path / _WEIGHTS if row["kind"] == "agent" else path
        if file.is_relative_to(rows.directory):
            hashes[file.relative_to(rows.directory).as_posix()] = row["sha256"]
    return hashes


def why_not_recorded(name: str, path: Path, hashes: Mapping[str, str]) -> str | None:
    """Return why a file of weights is not the recorded one, or ``None`` if it is or is none."""
    if path.suffix != ".safetensors":
        return None
    if name not in hashes:
        return f"{name} is not recorded"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest == hashes[name]:
        return None
    return f"{name} has the SHA-256 {digest[:12]}…, and {hashes[name][:12]}… is recorded"


def check_names(archive: zipfile.ZipFile, name: str) -> None:
    """Refuse an archive of which a file would leave the folder that it is unpacked in.

    Raises:
        RegistryError: Some name is absolute, leads upwards, or is that of a link.
    """
    for entry in archive.infolist():
        parts = PurePosixPath(entry.filename).parts
        odd = "\\" in entry.filename or entry.filename.startswith("/") or ".." in parts
        if odd or (entry.external_attr >> 16) & 0o170000 == 0o120000:
            raise RegistryError(
                f"the bundle {name!r} holds {entry.filename!r}, which leaves its folder; nothing "
                "was taken in"
            )


def check_id(run_id: str, name: str) -> None:
    """Refuse a run whose identifier cannot be the name of a folder.

    Raises:
        RegistryError: It cannot.
    """
    if not _ID.fullmatch(run_id):
        raise RegistryError(f"{name!r} holds a run {run_id!r}, which is no run's identifier")


def unpack(archive: zipfile.ZipFile, rows: RunRows, prefix: str, folder: Path) -> list[str]:
    """Unpack a run's files and check them against their recorded hashes.

    Args:
        archive: The bundle.
        rows: The run, its paths as they are before unpacking.
        prefix: What the names of its files begin with.
        folder: Where they go.

    Returns:
        Their names in that folder.

    Raises:
        RegistryError: A file is not the recorded one.
        OSError: They cannot be written.
    """
    hashes = recorded_hashes(rows)
    names = list(_names(archive, prefix))
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(prefix + name) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
        if problem := why_not_recorded(name, path, hashes):
            raise RegistryError(f"its files were altered: {problem}")
    return names


def put(names: list[str], source: Path, target: Path, *, over: bool) -> None:
    """Move unpacked files to where they belong.

    Args:
        names: The files' names in both folders.
        source: Where they are.
        target: Where they go.
        over: Whether they take the place of others.

    Raises:
        RegistryError: Another file is there, or they cannot be written.
    """
    if not over:
        for name in names:
            if (target / name).exists() and not _same(source / name, target / name):
                raise RegistryError(
                    f"{str(target / name)!r} is another file; name another folder with --output"
                )
    try:
        for name in names:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(source / name, target / name)
    except OSError as error:
        raise RegistryError(
            f"the folder {str(target)!r} cannot be written: {error.strerror}"
        ) from error


def _names(archive: zipfile.ZipFile, prefix: str) -> Iterator[str]:
    """Yield the names of the files that a run may have in a bundle; there are no others."""
    for entry in archive.namelist():
        name = entry.removeprefix(prefix)
        if name != entry and (name in (_RECIPE, *_AGENT) or _CHECKPOINT.fullmatch(name)):
            yield name


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()
