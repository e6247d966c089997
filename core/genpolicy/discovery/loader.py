"""Loads plugins one by one, so that a broken one harms nobody else."""

import math
import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import attrs

from genpolicy.discovery.advice import OWN
from genpolicy.discovery.capture import remember_stdout
from genpolicy.discovery.hooks import Findings, read_hooks
from genpolicy.discovery.patience import limited, patience
from genpolicy.discovery.permission import Permission
from genpolicy.discovery.records import Duplicate, PartEntry, PluginRecord, PluginState
from genpolicy.discovery.sources import Source, file_source, installed_sources
from genpolicy.discovery.words import describe, format_traceback, remedy

HEAVY: Final = ("torch", "minari", "gymnasium", "sqlalchemy")
"""Modules that a plugin must not import before one of its parts is used."""


def load_plugins(
    extra_files: Iterable[Path] = (), environ: Mapping[str, str] = os.environ
) -> tuple[tuple[PluginRecord, ...], tuple[Duplicate, ...]]:
    """Import every installed plugin that the user allows.

    Args:
        extra_files: Python files that are plugins without being packaged.
        environ: Environment variables, with the allow and deny lists and how long a plugin may
            take.

    Returns:
        One record per plugin, our own first, and the distributions installed more than once.

    Raises:
        UsageError: The environment sets no number of seconds that a plugin may take.
    """
    sources, duplicates = installed_sources()
    sources += [file_source(path) for path in extra_files]
    records = load_sources(sources, Permission.from_environ(environ), patience(environ))
    if not any(source.distribution == OWN for source in sources):
        records = (_not_installed(), *records)
    return records, tuple(duplicates)


def load_sources(
    sources: Iterable[Source], permission: Permission | None = None, seconds: float = math.inf
) -> tuple[PluginRecord, ...]:
    """Import these plugins, unless denied, and return a record of each.

    Args:
        sources: The plugins.
        permission: Which of them may be imported; by default all.
        seconds: How long each may take to be imported, and again to name its parts.
    """
    permission = permission or Permission()
    taken: dict[tuple[str, str, str], str] = {}
    records = []
    for source in sources:
        refusal = permission.refusal(source)
        record = _denied(source, refusal) if refusal else _load(source, seconds)
        records.append(_without_repeats(source, record, taken))
    return tuple(records)


def _load(source: Source, limit: float) -> PluginRecord:
    before = _heavy()
    start = time.perf_counter()
    seconds = 0.0
    with remember_stdout() as printed:
        try:
            with limited(limit, source.distribution, "importing"):
                plugin = source.load()
            seconds = time.perf_counter() - start
            with limited(limit, source.distribution, "naming its parts"):
                findings = read_hooks(source, plugin)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            findings = _failure(source, error)
    return attrs.evolve(
        _blank(source),
        state=_state(findings.parts, findings.problems),
        problems=tuple(findings.problems),
        traceback="\n\n".join(findings.tracebacks) or None,
        import_seconds=seconds or time.perf_counter() - start,
        heavy_modules=tuple(name for name in _heavy() if name not in before),
        printed=printed.getvalue(),
        parts=tuple(findings.parts),
    )


def _failure(source: Source, error: BaseException) -> Findings:
    sentence = (
        f"plugin {source.distribution} {source.version} failed to load ({describe(error)}): "
        f"{remedy(source, error)}"
    )
    return Findings(problems=[sentence], tracebacks=[format_traceback(error)])


def _state(parts: list[PartEntry], problems: list[str]) -> PluginState:
    if not problems:
        return "ok"
    return "partial" if parts else "broken"


def _heavy() -> list[str]:
    return [name for name in HEAVY if name in sys.modules]


def _blank(source: Source) -> PluginRecord:
    return PluginRecord(
        key=source.key,
        distribution=source.distribution,
        version=source.version,
        entry_point=source.entry_point,
        module=source.module,
    )


def _denied(source: Source, refusal: str) -> PluginRecord:
    return attrs.evolve(_blank(source), state="denied", problems=(refusal,))


def _not_installed() -> PluginRecord:
    return PluginRecord(
        key=f"{OWN}:builtin",
        distribution=OWN,
        version="not installed",
        entry_point="builtin",
        module="genpolicy_plugins.plugin",
        state="broken",
        problems=(
            f"{OWN} itself is not installed, so its own parts are missing (a checkout alone has "
            "no plugins): `pip install -e .`",
        ),
    )


def _without_repeats(
    source: Source, record: PluginRecord, taken: dict[tuple[str, str, str], str]
) -> PluginRecord:
    """Leave out parts whose name the same distribution has already given away."""
    kept, problems = [], list(record.problems)
    for part in record.parts:
        claims = [(record.distribution, part.kind, name) for name in sorted(part.claims)]
        repeated = [claim for claim in claims if claim in taken]
        if repeated:
            name = repeated[0][2]
            problems.append(
                f"plugin {record.distribution} {record.version} has two {part.kind} parts that "
                f"answer to {name!r}, and only {taken[repeated[0]]} is kept; {source.upgrade}"
            )
            continue
        taken.update(dict.fromkeys(claims, part.spec.target))
        kept.append(part)
    if len(kept) == len(record.parts):
        return record
    return attrs.evolve(
        record, parts=tuple(kept), problems=tuple(problems), state=_state(kept, problems)
    )
