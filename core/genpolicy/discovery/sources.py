"""Where plugins come from: entry points of installed distributions, single files, given objects."""

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

import attrs

from genpolicy.discovery.advice import OWN, UNPACKAGED, upgrade
from genpolicy.discovery.records import Duplicate
from genpolicy.records import SINGLE_FILE

GROUP = "genpolicy"


@attrs.frozen
class Source:
    """A plugin that is not imported yet.

    Args:
        distribution: The normalised name of its distribution.
        version: That distribution's version.
        entry_point: The entry point's name.
        module: The module to import.
        load: Imports the module and returns the plugin.
        file: The single file that it is, if no distribution packages it.
    """

    distribution: str
    version: str
    entry_point: str
    module: str
    load: Callable[[], object]
    file: Path | None = None

    @property
    def key(self) -> str:
        """What tells it from every other plugin."""
        return f"{self.distribution}:{self.entry_point}"

    @property
    def is_file(self) -> bool:
        """Whether it is a single file that no distribution packages."""
        return self.distribution.startswith(SINGLE_FILE)

    @property
    def upgrade(self) -> str:
        """What to do when it does not work."""
        return upgrade(self.distribution, self.file)


def normalise(distribution: str) -> str:
    """Return a distribution's name as package indexes compare it (PEP 503); a file's as it is."""
    if distribution.startswith(SINGLE_FILE):
        return distribution
    return re.sub(r"[-_.]+", "-", distribution).lower()


def installed_sources() -> tuple[list[Source], list[Duplicate]]:
    """Return the plugins of all installed distributions, our own first, and hidden copies.

    Of several copies of a distribution, the first that has entry points counts, so that a stale
    ``egg-info`` without any hides nothing. Copies that say the same hide nothing either: an
    editable installation leaves a second one in the project's folder.
    """
    sources, duplicates = [], []
    for name, copies in plugin_distributions().items():
        if len({_claims(copy) for copy in copies}) > 1:
            duplicates.append(Duplicate(distribution=name, copies=tuple(map(_copy, copies))))
        found = (list(_sources_of(name, copy)) for copy in copies)
        sources += next((some for some in found if some), [])
    return sources, duplicates


def plugin_distributions() -> dict[str, list[Distribution]]:
    """Return all copies of the installed distributions with plugins by name, our own first."""
    path = list(dict.fromkeys(os.path.realpath(entry or ".") for entry in sys.path))
    names = sorted(_providers(path), key=lambda name: (name != OWN, name))
    return {
        name: [copy for entry in path for copy in distributions(name=name, path=[entry])]
        for name in names
    }


def file_source(path: Path) -> Source:
    """Return the plugin in a single file, which no distribution packages.

    Its targets begin with the file's stem: ``"drift:Drift"`` for ``drift.py``.
    """
    path = path.resolve()

    def load() -> object:
        return _import_file(path)

    stem = path.stem
    return Source(f"{SINGLE_FILE}{stem}", UNPACKAGED, stem, stem, load, path)


def _providers(path: list[str]) -> set[str]:
    """Names of distributions with our entry points; only their metadata are parsed (speed)."""
    return {
        normalise(_field(distribution, "Name"))
        for distribution in distributions(path=path)
        if f"[{GROUP}]" in _entry_points_text(distribution)
    }


def _entry_points_text(distribution: Distribution) -> str:
    try:
        return distribution.read_text("entry_points.txt") or ""
    except (OSError, UnicodeDecodeError):
        return ""


def _claims(distribution: Distribution) -> tuple[str, str]:
    return _version(distribution), _entry_points_text(distribution).strip()


def _copy(distribution: Distribution) -> tuple[str, str]:
    return _version(distribution), str(distribution.locate_file(""))


def _version(distribution: Distribution) -> str:
    return _field(distribution, "Version") or "of unknown version"


def _field(distribution: Distribution, name: str) -> str:
    return str((distribution.metadata.get_all(name) or [""])[0])


def _sources_of(name: str, distribution: Distribution) -> Iterator[Source]:
    try:
        found: Iterable[EntryPoint] = distribution.entry_points.select(group=GROUP)
    except Exception as error:
        yield _unreadable(name, distribution, error)
        return
    for point in sorted(found, key=lambda point: point.name):
        module = point.value.partition(":")[0].strip()
        yield Source(name, _version(distribution), point.name, module, point.load)


def _unreadable(name: str, distribution: Distribution, error: Exception) -> Source:
    def load() -> object:
        raise ImportError("its entry_points.txt cannot be read") from error

    return Source(name, _version(distribution), "?", "?", load)


def _import_file(path: Path) -> object:
    name = path.stem
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    loaded = sys.modules.get(name)
    if loaded is not None and _is_same(getattr(loaded, "__file__", None), path):
        return loaded
    if not name.isidentifier() or _means_another(name, path):
        raise ImportError(f"{name!r} cannot name a module of its own here: rename the file")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _means_another(name: str, path: Path) -> bool:
    """Whether Python would import something else by this name; a bare folder is nothing."""
    found = importlib.util.find_spec(name)
    return found is not None and found.origin is not None and not _is_same(found.origin, path)


def _is_same(origin: str | None, path: Path) -> bool:
    return origin is not None and os.path.realpath(origin) == str(path)
