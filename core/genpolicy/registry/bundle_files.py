"""The files of a run that a bundle takes along, and their way back into a folder."""

import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from genpolicy.errors import RegistryError
from genpolicy.registry import marks
from genpolicy.registry.run_rows import RunRows

_RECIPE: Final = "recipe.toml"
_AGENT: Final = ("agent/agent.json", "agent/weights.safetensors")
_CHECKPOINT: Final = re.compile(r"checkpoints/step-\d+-[0-9a-f]+\.safetensors")
_WEIGHTS: Final = "weights.safetensors"
_PACKED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


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
    """Refuse an archive that cannot be unpacked, or of which a file would leave its folder.

    Raises:
        RegistryError: Some name is absolute, leads upwards, or is that of a link; or its file is
            encrypted or packed in another way than ours.
    """
    for entry in archive.infolist():
        parts = PurePosixPath(entry.filename).parts
        odd = "\\" in entry.filename or entry.filename.startswith("/") or ".." in parts
        if odd or (entry.external_attr >> 16) & 0o170000 == 0o120000:
            raise RegistryError(
                f"the bundle {name!r} holds {entry.filename!r}, which leaves its folder; nothing "
                "was taken in"
            )
        if entry.flag_bits & 1 or entry.compress_type not in _PACKED:
            how = "encrypted" if entry.flag_bits & 1 else "packed in a way that bundles are not"
            raise RegistryError(
                f"the bundle {name!r} holds {entry.filename!r}, which is {how}; pack it anew"
            )


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


def put(
    run_id: str, names: list[str], source: Path, target: Path, *, over: bool, registry: str
) -> None:
    """Move unpacked files to where they belong.

    Args:
        run_id: The run.
        names: The files' names in both folders.
        source: Where they are.
        target: Where they go, a folder of the run's own.
        over: Whether they take the place of others.
        registry: The place of the registry that the run is recorded in.

    Raises:
        RegistryError: The folder is another's, another file is there, or they cannot be written.
    """
    _check_folder(run_id, names, target)
    if not over:
        for name in names:
            if (target / name).exists() and not _same(source / name, target / name):
                raise RegistryError(
                    f"{str(target / name)!r} is another file; name another folder with --output"
                )
    try:
        target.mkdir(parents=True, exist_ok=True)
        if not marks.is_marked(target, run_id):
            marks.mark(target, run_id, registry)
        for name in names:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(source / name, target / name)
    except OSError as error:
        raise RegistryError(
            f"the folder {str(target)!r} cannot be written: {error.strerror}"
        ) from error


def _check_folder(run_id: str, names: list[str], target: Path) -> None:
    """Refuse a folder with somebody else's files, or of which links lead elsewhere."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if not marks.is_marked(target, run_id) and (target.is_symlink() or os.listdir(target)):
            raise RegistryError(
                f"the folder {str(target)!r} is there and no {marks.FILE_NAME} in it says that it "
                "is the run's; name another with --output"
            )
    real = Path(os.path.realpath(target))
    for name in names:
        if not Path(os.path.realpath((target / name).parent)).is_relative_to(real):
            raise RegistryError(
                f"{str((target / name).parent)!r} is a link that leads out of the run's folder; "
                "remove it, or name another folder with --output"
            )


def _names(archive: zipfile.ZipFile, prefix: str) -> Iterator[str]:
    """Yield the names of the files that a run may have in a bundle; there are no others."""
    for entry in archive.namelist():
        name = entry.removeprefix(prefix)
        if name != entry and (name in (_RECIPE, *_AGENT) or _CHECKPOINT.fullmatch(name)):
            yield name


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()
