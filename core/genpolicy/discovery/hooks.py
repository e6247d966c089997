"""Asks one plugin for its parts, and checks every answer.

Each plugin gets a pluggy manager of its own and each of its implementations is called alone, so
that whatever goes wrong belongs to one plugin and one hook. A problem costs the parts that it
concerns and no others: a hook that raises, or returns something else than specs, provides nothing;
a spec for another plugin API is left out; the rest stays.
"""

from collections.abc import Iterable, Iterator

import attrs
import pluggy

from genpolicy.discovery import hookspecs
from genpolicy.discovery.advice import OWN
from genpolicy.discovery.hookspecs import HOOKS, PROJECT
from genpolicy.discovery.records import PartEntry
from genpolicy.discovery.sources import Source
from genpolicy.discovery.spec import API_VERSION, PartSpec
from genpolicy.discovery.words import describe, format_traceback
from genpolicy.errors import did_you_mean


@attrs.define
class Findings:
    """What one plugin gave.

    Args:
        parts: Its usable parts.
        problems: One sentence per problem.
        tracebacks: One per exception.
    """

    parts: list[PartEntry] = attrs.field(factory=list)
    problems: list[str] = attrs.field(factory=list)
    tracebacks: list[str] = attrs.field(factory=list)


def read_hooks(source: Source, plugin: object) -> Findings:
    """Return the parts that a plugin provides and what is wrong with it.

    Args:
        source: Where the plugin came from.
        plugin: The imported module, or another object with hook implementations.
    """
    return _Reader(source).read(plugin)


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.findings = Findings()
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(hookspecs)

    def read(self, plugin: object) -> Findings:
        if self._register(plugin):
            self._check_names(plugin)
            for kind, implementation in self._implementations():
                self._take(kind, implementation)
        return self.findings

    def _register(self, plugin: object) -> bool:
        try:
            self.manager.register(plugin, name=self.source.key)
        except pluggy.PluginValidationError as error:
            self._complain(f"has a hook that cannot be called ({' '.join(str(error).split())})")
            return False
        return True

    def _check_names(self, plugin: object) -> None:
        """Find every hook that nobody calls; ``check_pending`` tells the first only."""
        callers = self.manager.get_hookcallers(plugin) or []
        for caller in callers:
            expected = all(each.optionalhook for each in caller.get_hookimpls())
            if not caller.has_spec() and not expected:
                self._complain(f"has an unknown hook {caller.name!r}{_nearest(caller.name)}")
        found = {caller.name for caller in callers}
        for name in HOOKS:
            if name not in found and callable(getattr(plugin, name, None)):
                self._complain(f"defines {name} without the mark @hookimpl, so it is not called")
                found.add(name)
        if not found:
            hooks = ", ".join(HOOKS)
            self._complain(f"provides nothing: {self.source.module} has none of the hooks {hooks}")

    def _implementations(self) -> Iterator[tuple[str, pluggy.HookImpl]]:
        for name, kind in HOOKS.items():
            for implementation in getattr(self.manager.hook, name).get_hookimpls():
                yield kind, implementation

    def _take(self, kind: str, implementation: pluggy.HookImpl) -> None:
        hook = f"genpolicy_{kind}s"
        if implementation.wrapper or implementation.hookwrapper:
            self._complain(f"wraps the hook {hook}; a hook of genpolicy only returns parts")
            return
        try:
            answer = implementation.function()
            specs = None if isinstance(answer, (str, bytes)) else _listed(answer)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._complain(f"failed in its hook {hook} ({describe(error)})")
            self.findings.tracebacks.append(format_traceback(error))
            return
        if specs is None:
            self._complain(f"returns {_what(answer)} from {hook} instead of a list of PartSpec")
            return
        self._take_specs(kind, hook, specs)

    def _take_specs(self, kind: str, hook: str, specs: list[object]) -> None:
        for position, spec in enumerate(specs):
            if not isinstance(spec, PartSpec):
                self._complain(
                    f"returns from {hook}, at position {position}, {_what(spec)} instead of a "
                    "PartSpec"
                )
            elif self._speaks(kind, spec) and self._may_be_called_so(kind, spec):
                self.findings.parts.append(
                    PartEntry(
                        kind=kind,
                        spec=spec,
                        distribution=self.source.distribution,
                        version=self.source.version,
                        file=self.source.file,
                    )
                )

    def _speaks(self, kind: str, spec: PartSpec) -> bool:
        written = f"{kind} {spec.name!r} was written for plugin API {spec.api_version}"
        if spec.api_version > API_VERSION:
            self.findings.problems.append(
                f"{_label(self.source)} needs a newer genpolicy: its {written}, this program "
                f"speaks {API_VERSION}; upgrade it with `pip install -U genpolicy`"
            )
        elif spec.api_version < API_VERSION:
            self._complain(f"is too old: its {written}, this program speaks {API_VERSION}")
        return spec.api_version == API_VERSION

    def _may_be_called_so(self, kind: str, spec: PartSpec) -> bool:
        """Refuse a bare name that would read as the full name of one of our own parts."""
        taken = [name for name in (spec.name, *spec.aliases) if name.startswith(f"{OWN}/")]
        if taken:
            self._complain(f"calls a {kind} {taken[0]!r}, but names under {OWN}/ are reserved")
        return not taken

    def _complain(self, problem: str) -> None:
        self.findings.problems.append(f"{_label(self.source)} {problem}; {self.source.upgrade}")


def _label(source: Source) -> str:
    return f"plugin {source.distribution} {source.version}"


def _nearest(name: str) -> str:
    return did_you_mean(name, list(HOOKS))


def _listed(answer: object) -> list[object] | None:
    return list(answer) if isinstance(answer, Iterable) else None


def _what(thing: object) -> str:
    return "None" if thing is None else f"{_short(thing)} of type {type(thing).__name__}"


def _short(thing: object) -> str:
    try:
        text = repr(thing)
    except Exception:
        return "something"
    return text if len(text) <= 60 else text[:60] + "…"
