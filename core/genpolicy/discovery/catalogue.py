"""The parts that installed plugins provide, by name; listing them imports nothing heavy."""

import functools
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import attrs

from genpolicy.discovery.advice import OWN, reinstall
from genpolicy.discovery.files import named_files
from genpolicy.discovery.habits import habits
from genpolicy.discovery.loader import load_plugins, load_sources
from genpolicy.discovery.records import Duplicate, PartEntry, PluginRecord
from genpolicy.discovery.sources import Source, normalise
from genpolicy.discovery.spec import KINDS
from genpolicy.discovery.targets import DOCTOR, call_local, load_class, read_resource
from genpolicy.errors import AmbiguousPartError, BrokenPartError, UnknownPartError, did_you_mean

T = TypeVar("T")


@attrs.frozen
class Catalogue:
    """Every plugin that was found, and the parts that they provide.

    Args:
        plugins: Our own first, then by distribution and entry point.
        duplicates: Distributions of plugins that are installed more than once.
    """

    plugins: tuple[PluginRecord, ...]
    duplicates: tuple[Duplicate, ...] = ()
    _parts: Mapping[str, tuple[PartEntry, ...]] = attrs.field(init=False, eq=False, repr=False)

    @_parts.default
    def _by_kind(self) -> Mapping[str, tuple[PartEntry, ...]]:
        parts = [part for plugin in self.plugins for part in plugin.parts]
        return {kind: tuple(part for part in parts if part.kind == kind) for kind in KINDS}

    @classmethod
    def discover(cls, extra_files: Iterable[Path] = ()) -> "Catalogue":
        """Look for plugins now, where :func:`load_catalogue` remembers what it found."""
        return cls(*load_plugins(extra_files))

    @classmethod
    def from_plugins(cls, plugins: Mapping[str, object]) -> "Catalogue":
        """Make a catalogue of plugin objects by distribution name, such as a test has at hand."""
        return cls(
            load_sources(
                Source(normalise(name), "0", "given", name, functools.partial(_same, plugin))
                for name, plugin in plugins.items()
            )
        )

    def parts(self, kind: str | None = None) -> tuple[PartEntry, ...]:
        """Return all parts, or those of one kind, by kind and plugin."""
        if kind is not None:
            return self._parts.get(kind, ())
        return tuple(part for parts in self._parts.values() for part in parts)

    def names(self, kind: str) -> tuple[str, ...]:
        """Return the shortest name that finds each part of a kind."""
        return tuple(self.short_name(part) for part in self.parts(kind))

    def short_name(self, entry: PartEntry) -> str:
        """Return a part's bare name, or its full name where the bare one finds another part."""
        bare = entry.spec.name
        return bare if self._claimants(entry.kind, bare) == [entry] else entry.full_name

    def find(self, kind: str, name: str) -> PartEntry:
        """Return the part that a person means.

        Args:
            kind: One of :data:`genpolicy.discovery.spec.KINDS`.
            name: A bare name, an alias or ``"distribution/name"``, tried in this order. A bare
                name of our own parts stays ours, whoever else claims it.

        Raises:
            UnknownPartError: No plugin provides it; the message names the nearest part, and the
                plugins that failed to load and may provide it.
            AmbiguousPartError: Several distributions do; the message lists the full names.
            BrokenPartError: It is the full name of a part of a plugin that failed to load.
        """
        claimants = self._claimants(kind, name)
        if len(claimants) > 1:
            raise AmbiguousPartError(
                f"{len(claimants)} installed distributions provide a {kind} {name!r}; name one of "
                f"them in full: {', '.join(part.full_name for part in claimants)}"
            )
        found = claimants[0] if claimants else self._by_full_name(kind, name)
        if found is None:
            raise self._unknown(kind, name)
        return found

    def find_full(self, kind: str, full_name: str, known: str | None = None) -> PartEntry:
        """Return the part of a stored full name, whatever bare names look like it.

        Args:
            kind: One of :data:`genpolicy.discovery.spec.KINDS`.
            full_name: ``"distribution/name"``.
            known: What is recorded of its distribution: the version, or the path of a single file.

        Raises:
            UnknownPartError: Its distribution is not installed, or provides no such part; the
                message says how to get it.
            BrokenPartError: Its distribution is installed but failed to load.
        """
        found = self._by_full_name(kind, full_name)
        if found is not None:
            return found
        distribution = normalise(full_name.partition("/")[0])
        if any(plugin.distribution == distribution for plugin in self.plugins):
            raise self._unknown(kind, full_name)
        raise UnknownPartError(f"{kind} {full_name!r} {reinstall(distribution, known)}")

    def load(self, entry: PartEntry, base: Callable[..., T]) -> type[T]:
        """Import the class of a part.

        Args:
            entry: A part of any kind but ``recipe``.
            base: The class that it must be derived from, such as ``BackboneRecipe``; ``object``
                allows any. (Typed as a callable, which an abstract class is as well.)

        Raises:
            BrokenPartError: It cannot be imported, or is something else; the message names the
                distribution, the part, the error and what to do.
        """
        assert isinstance(base, type)
        return load_class(entry, base)

    def read(self, entry: PartEntry) -> str:
        """Return the TOML text of a part of kind ``recipe``.

        Raises:
            BrokenPartError: The file cannot be read.
        """
        return read_resource(entry)

    def local_names(self, entry: PartEntry) -> tuple[str, ...]:
        """Return what may stand after a dataset's colon on this machine.

        Raises:
            BrokenPartError: The function that its plugin names for it fails.
        """
        return call_local(entry)

    def problems(self) -> list[str]:
        """Return one sentence per plugin that does not fully work, naming it and what to do."""
        working = ("ok", "denied")
        return [str(plugin.problem) for plugin in self.plugins if plugin.state not in working]

    def notes(self) -> list[str]:
        """Return what is odd but harms nothing: hidden copies, shadowed names, slow imports."""
        notes = [duplicate.problem for duplicate in self.duplicates]
        for plugin in self.plugins:
            notes += habits(plugin)
        return notes + self.contested()

    def contested(self, distribution: str = "") -> list[str]:
        """Return one sentence per bare name that several plugins claim, and whose part it means.

        Args:
            distribution: Only names that a distribution claims whose name begins like this.
        """
        return [note for kind in KINDS for note in self._contested(kind, distribution)]

    def _claimants(self, kind: str, name: str) -> list[PartEntry]:
        claimants = [part for part in self.parts(kind) if name in part.claims]
        return [part for part in claimants if part.distribution == OWN] or claimants

    def _by_full_name(self, kind: str, full_name: str) -> PartEntry | None:
        distribution, _, name = full_name.partition("/")
        for part in self.parts(kind):
            if part.distribution == normalise(distribution) and name in part.claims:
                return part
        return None

    def _unknown(self, kind: str, name: str) -> UnknownPartError | BrokenPartError:
        if kind not in KINDS:
            return UnknownPartError(
                f"there is no kind of part called {kind!r}{did_you_mean(kind, KINDS)}"
            )
        owner = normalise(name.partition("/")[0])
        suspects = [plugin for plugin in self.plugins if plugin.problem is not None]
        for plugin in suspects:
            if plugin.distribution == owner and plugin.state == "broken":
                return BrokenPartError(f"{kind} {name!r} cannot be had: {plugin.problem}; {DOCTOR}")
        if owner.startswith(f"{OWN}-") and owner not in {p.distribution for p in self.plugins}:
            return UnknownPartError(f"{kind} {name!r} {reinstall(owner)}")
        sentences = [f"no installed plugin provides {kind} {name!r}{self._nearest(kind, name)}"]
        sentences += [f"{plugin.problem}; it may provide {name!r}" for plugin in suspects]
        sentences += [DOCTOR] if suspects else []
        return UnknownPartError("\n".join(sentences))

    def _nearest(self, kind: str, name: str) -> str:
        namesakes = [part for part in self.parts() if name in (*part.claims, part.full_name)]
        if namesakes:
            return f"; the part of that name is of kind {namesakes[0].kind}"
        owner = normalise(name.partition("/")[0])
        known = {part.full_name for part in self.parts(kind) if part.distribution == owner}
        known = known or {claim for part in self.parts(kind) for claim in part.claims}
        if kind == "recipe":
            name = self._by_method(name)
        return _nearest_of_its_group(kind, name, sorted(known))

    def _by_method(self, recipe: str) -> str:
        """Return a recipe's name with the method's own name, where an alias stands for it."""
        method, slash, task = recipe.partition("/")
        methods = self._claimants("objective", method) if slash else []
        return f"{methods[0].spec.name}/{task}" if len(methods) == 1 else recipe

    def _contested(self, kind: str, distribution: str) -> list[str]:
        owners: dict[str, list[PartEntry]] = defaultdict(list)
        for part in self.parts(kind):
            for name in part.claims:
                owners[name].append(part)
        return [
            _contest(kind, name, parts)
            for name, parts in sorted(owners.items())
            if len(parts) > 1 and any(p.distribution.startswith(distribution) for p in parts)
        ]


def load_catalogue(extra_files: Iterable[Path] = ()) -> Catalogue:
    """Return the catalogue of installed plugins, found once per process.

    Args:
        extra_files: Python files that are plugins without being packaged, beside those that the
            environment variable ``AGENT_PLUGIN_FILES`` names.
    """
    files = (*named_files(os.environ), *(Path(path).resolve() for path in extra_files))
    return _catalogue(tuple(dict.fromkeys(files)))


@functools.cache
def _catalogue(extra_files: tuple[Path, ...]) -> Catalogue:
    return Catalogue.discover(extra_files)


def _same(plugin: object) -> object:
    return plugin


def _contest(kind: str, name: str, parts: list[PartEntry]) -> str:
    full_names = [part.full_name for part in parts]
    if parts[0].distribution == OWN:
        others = ", ".join(full_names[1:])
        return f"{kind} {name!r} means {full_names[0]}; to have another, type {others}"
    return f"{kind} {name!r} is claimed by {len(parts)} plugins: type {' or '.join(full_names)}"


def _nearest_of_its_group(kind: str, name: str, known: Sequence[str]) -> str:
    """Point to a known name, of those that begin alike, as ``gmpo/…``, where names have groups."""
    group, slash, own = name.partition("/")
    groups = sorted({each.partition("/")[0] for each in known if "/" in each})
    if not slash or not groups:
        return did_you_mean(name, known)
    alone = [each for each in known if "/" not in each]
    plain = [each for each in alone if each.casefold() == group.casefold()]
    if plain and group not in groups:
        told = f"{plain[0]}:{own}" if kind == "dataset" else plain[0]
        return f"; {plain[0]!r} is of no group; did you mean {told!r}?"
    nearest = [group] if group in groups else get_close_matches(group, groups, n=1, cutoff=0.7)
    if not nearest:
        there = ", ".join([*alone, *(f"{each}/…" for each in groups)])
        return f"; there is none of {group!r}; there are: {there}"
    start = f"{nearest[0]}/"
    owns = [each.removeprefix(start) for each in known if each.startswith(start)]
    meant = get_close_matches(own, owns, n=1, cutoff=0.7)
    if meant:
        return f"; did you mean '{start}{meant[0]}'?"
    return f"; of {nearest[0]!r} there are: {', '.join(owns)}"
