"""Taking in runs from bundles, other registries and the folders of runs."""

import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import attrs

from genpolicy.errors import RegistryError, UsageError
from genpolicy.registry import bundle_files
from genpolicy.registry.bundles import DATABASE, FOLDER
from genpolicy.registry.merging import TakenIn
from genpolicy.registry.query import RunQuery
from genpolicy.registry.registry import Registry
from genpolicy.registry.run_rows import RunRows
from genpolicy.registry.spill import FILE_NAME
from genpolicy.registry.unrecorded import DONE, read_unrecorded

_OLDEST_FIRST: Final = RunQuery(reverse=True)


@attrs.frozen
class Import:
    """What is done with every source.

    Args:
        registry: Where the runs go.
        output: The folder in which a run out of a zip file gets a folder of its own.
    """

    registry: Registry
    output: Path

    def take(self, source: str) -> Iterator[TakenIn]:
        """Take in all runs of a source, one after the other.

        Args:
            source: A bundle, a registry's path or URL, a run's folder, or the file that it kept
                beside it.

        Yields:
            What became of each run.

        Raises:
            UsageError: There is nothing of the kind.
            RegistryError: The source cannot be read, or the registry not be written.
        """
        check_source(source)
        path = Path(source).expanduser()
        if "://" in source:
            yield from self._from_registry(source)
        elif path.is_dir():
            yield self._from_folder(path)
        elif path.name.startswith(FILE_NAME):
            yield self._from_file(path)
        elif path.suffix == ".zip" or zipfile.is_zipfile(path):
            yield from self._from_zip(path)
        else:
            yield from self._from_registry(path)

    def _from_registry(self, location: str | Path) -> Iterator[TakenIn]:
        with Registry.open(location, read_only=True) as other:
            self._refuse_itself(other)
            for rows in _rows_of(other):
                yield self.registry.merge(rows)

    def _from_zip(self, path: Path) -> Iterator[TakenIn]:
        with (
            _unpacked(path, self.output) as (archive, folder),
            Registry.open(folder / DATABASE, read_only=True) as bundle,
        ):
            for rows in _rows_of(bundle):
                bundle_files.check_id(rows.id, str(path))
                yield self._with_files(archive, rows, folder)

    def _with_files(self, archive: zipfile.ZipFile, rows: RunRows, folder: Path) -> TakenIn:
        prefix = f"{FOLDER}/{rows.id}/"
        unpacked = folder / FOLDER / rows.id
        target = self._folder_of(rows.id)
        try:
            names = bundle_files.unpack(archive, rows, prefix, unpacked)
            place = partial(_put, names, unpacked, target) if names else None
            return self.registry.merge(rows.moved(target), place)
        except RegistryError as error:
            return TakenIn(rows.id, "refused", str(error))

    def _folder_of(self, run_id: str) -> Path:
        """Return where a run keeps its files, or shall keep them."""
        known = self.registry.rows(run_id)
        if known is not None and known.directory.is_dir():
            return known.directory
        return Path(os.path.abspath(self.output)) / run_id

    def _from_folder(self, folder: Path) -> TakenIn:
        if (folder / FILE_NAME).exists():
            return self._from_file(folder / FILE_NAME)
        name = folder.resolve().name
        if self.registry.rows(name) is not None:
            return TakenIn(name, "unchanged", f"it was there, with no {FILE_NAME} beside it")
        if (folder / DATABASE).exists():
            raise UsageError(
                f"{str(folder)!r} is a folder with a registry; name {str(folder / DATABASE)!r}"
            )
        hint = ""
        if done := sorted(folder.glob(f"{FILE_NAME}{DONE}*")):
            hint = f"; its records were taken in before and are in {str(done[-1])!r}"
        raise UsageError(f"{str(folder)!r} holds no {FILE_NAME} to take in{hint}")

    def _from_file(self, path: Path) -> TakenIn:
        found = read_unrecorded(Path(os.path.abspath(path)))
        found.check_ended()
        taken = self.registry.take_in(found)
        found.put_away()
        remarks = "".join(f"; {remark}" for remark in found.remarks)
        return attrs.evolve(taken, message=taken.message + remarks)

    def _refuse_itself(self, other: Registry) -> None:
        mine, theirs = self.registry.path, other.path
        if mine is not None and theirs is not None and mine.samefile(theirs):
            raise UsageError(f"{str(mine)!r} is the registry itself; name another")


def check_source(source: str) -> None:
    """Refuse a source that is not there.

    Raises:
        UsageError: It is not.
    """
    if "://" not in source and not Path(source).expanduser().exists():
        raise UsageError(
            f"there is nothing at {source!r}; name a bundle, a registry or a run's folder"
        )


def _rows_of(registry: Registry) -> Iterator[RunRows]:
    for run in registry.runs(_OLDEST_FIRST):
        rows = registry.rows(run.id)
        if rows is not None:  # else it was removed a moment ago
            yield rows


@contextmanager
def _unpacked(path: Path, output: Path) -> Iterator[tuple[zipfile.ZipFile, Path]]:
    """Open a bundle, its registry unpacked in a folder beside those of the runs."""
    made = not output.exists()
    try:
        output.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=".import-", dir=output) as name,
            zipfile.ZipFile(path) as archive,
        ):
            folder = Path(os.path.realpath(name))
            bundle_files.check_names(archive, str(path))
            if DATABASE not in archive.namelist():
                raise RegistryError(f"{str(path)!r} is no bundle: it holds no {DATABASE}")
            archive.extract(DATABASE, folder)
            yield archive, folder
    except (zipfile.BadZipFile, zlib.error) as error:
        raise RegistryError(f"the bundle {str(path)!r} is damaged: {error}") from error
    except OSError as error:
        raise RegistryError(
            f"the bundle {str(path)!r} cannot be unpacked in {str(output)!r}: "
            f"{error.strerror or error}"
        ) from error
    finally:
        if made:
            with suppress(OSError):  # unless runs are in it now
                output.rmdir()


def _put(names: list[str], source: Path, target: Path, over: bool) -> None:
    bundle_files.put(names, source, target, over=over)
