"""Taking in runs from bundles, other registries and the folders of runs."""

import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import attrs
from sqlalchemy.exc import OperationalError

from genpolicy.errors import RegistryError, UsageError
from genpolicy.registry import bundle_files
from genpolicy.registry.bundles import DATABASE, FOLDER, rows_of
from genpolicy.registry.marks import is_marked
from genpolicy.registry.merging import TakenIn, check_id
from genpolicy.registry.query import RunQuery
from genpolicy.registry.registry import Registry
from genpolicy.registry.run_rows import RunRows
from genpolicy.registry.spill import FILE_NAME
from genpolicy.registry.unrecorded import DONE, TAKING, put_back, read_unrecorded, set_aside

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
            yield from self._from_folder(path)
        elif path.name.startswith(FILE_NAME):
            yield self._from_file(path)
        elif path.suffix == ".zip" or _begins_as_zip(path):
            yield from self._from_zip(path)
        else:
            yield from self._from_registry(path)

    def _from_registry(self, location: str | Path) -> Iterator[TakenIn]:
        with Registry.open(location, read_only=True) as other:
            self._refuse_itself(other)
            for rows in _all_rows(other):
                yield _attempt(rows.id, partial(self.registry.merge, rows))

    def _from_zip(self, path: Path) -> Iterator[TakenIn]:
        with (
            _unpacked(path, self.output) as (archive, folder),
            Registry.open(folder / DATABASE, read_only=True) as bundle,
        ):
            for rows in _all_rows(bundle):
                yield _attempt(rows.id, partial(self._with_files, archive, rows, folder))

    def _with_files(self, archive: zipfile.ZipFile, rows: RunRows, folder: Path) -> TakenIn:
        check_id(rows.id)
        prefix = f"{FOLDER}/{rows.id}/"
        unpacked = folder / FOLDER / rows.id
        target = self._folder_of(rows.id)
        names = bundle_files.unpack(archive, rows, prefix, unpacked)
        place = partial(self._put, rows.id, names, unpacked, target) if names else None
        lacks = any(not (target / name).exists() for name in names)
        return self.registry.merge(rows.moved(target), place, lacks_files=lacks)

    def _put(self, run_id: str, names: list[str], source: Path, target: Path, over: bool) -> None:
        place = self.registry.place
        bundle_files.put(run_id, names, source, target, over=over, registry=place)

    def _folder_of(self, run_id: str) -> Path:
        """Return where a run keeps its files, or shall keep them."""
        known = self.registry.rows(run_id)
        if known is not None and is_marked(known.directory, run_id):
            return known.directory
        return Path(os.path.abspath(self.output)) / run_id

    def _from_folder(self, folder: Path) -> Iterator[TakenIn]:
        found = [*sorted(folder.glob(f"{FILE_NAME}{TAKING}*")), *folder.glob(FILE_NAME)]
        for path in found:
            yield self._from_file(path)
        if not found:
            yield self._without_file(folder)

    def _without_file(self, folder: Path) -> TakenIn:
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
        path = Path(os.path.abspath(path))
        read_unrecorded(path).check_ended()
        path = set_aside(path)
        try:
            found = read_unrecorded(path)  # what was added before it was renamed, too
            found.check_ended()
            taken = self.registry.take_in(found)
        except BaseException:
            if TAKING in path.name:
                put_back(path)
            raise
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


def _all_rows(registry: Registry) -> Iterator[RunRows]:
    try:
        yield from rows_of(registry, [run.id for run in registry.runs(_OLDEST_FIRST)])
    except ValueError as error:
        raise RegistryError(f"{registry.name} holds what no registry does: {error}") from error


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


def _attempt(run_id: str, act: Callable[[], TakenIn]) -> TakenIn:
    """Take a run in, or tell why it cannot be, which keeps no other from being taken in.

    Raises:
        RegistryError: It is the registry that fails, not the run.
    """
    try:
        return act()
    except RegistryError as error:
        if isinstance(error.__cause__, OperationalError):
            raise
        return TakenIn(run_id, "refused", str(error))


def _begins_as_zip(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return file.read(2) == b"PK"
    return False
