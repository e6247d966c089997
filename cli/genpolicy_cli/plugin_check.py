"""``agent plugins check``: whether a plugin's parts do what parts of their kinds must."""

import shlex
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genpolicy.errors import BrokenPartError, OptionError, UnknownPartError, UsageError
from genpolicy_cli import flags
from genpolicy_cli.output import out, print_json, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from genpolicy.discovery import Catalogue, PartEntry, PluginRecord
    from genpolicy.testing.distribution import PartOutcome

_MARKS = {
    "passed": ("ok", None),
    "failed": ("FAILED", "red"),
    "expected": ("expected", "yellow"),
    "skipped": ("skipped", "dim"),
}
"""How a check is shown; one that does not concern a part is not."""


def check(
    context: typer.Context,
    plugin: Annotated[
        str,
        typer.Argument(
            metavar="DIST|PATH",
            help="An installed distribution, its project's folder, or a Python file with parts.",
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND.KEY=VALUE",
            help="Options of the parts that are checked, such as dataset.path=mine.npz.",
            show_default=False,
        ),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option("--part", help="This part alone; may be given again.", metavar="NAME"),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Parts of this kind alone.", metavar="KIND"),
    ] = None,
    tracebacks: Annotated[
        bool, typer.Option("--tracebacks", help="Show where checks failed.")
    ] = False,
    as_json: Annotated[bool, flags.AS_JSON] = False,
) -> None:
    """Check every part of a plugin: one line per check, with what failed and why it matters."""
    import torch

    torch.set_num_threads(1)
    catalogue, plugins = _find(context, plugin)
    entries = _chosen([entry for found in plugins for entry in found.parts], part, kind)
    problems = [problem for found in plugins for problem in found.problems]
    for note in catalogue.contested(plugins[0].distribution):
        say(note)
    found = []
    for result in _results(catalogue, entries, settings or ()):
        found.append(result)
        if not as_json and result.outcome.state in _MARKS:
            _show(result, tracebacks)
    if as_json:
        print_json([_facts(result) for result in found])
    else:
        _sum_up(found, problems)
    failures = sum(result.outcome.state == "failed" for result in found)
    if failures or problems:
        what = [f"{failures} of {len(found)} checks failed"] * bool(failures) + problems
        raise BrokenPartError("\n".join(what))


def _results(
    catalogue: "Catalogue", entries: "Sequence[PartEntry]", settings: "Sequence[str]"
) -> "Iterator[PartOutcome]":
    """Yield the outcomes; what parts print meanwhile goes to the standard error."""
    from genpolicy.discovery.capture import stdout_to_stderr
    from genpolicy.testing.distribution import check_parts

    outcomes = check_parts(catalogue, entries, _options(settings, entries))
    while True:
        with stdout_to_stderr():
            result = next(outcomes, None)
        if result is None:
            return
        yield result


def _options(
    settings: "Sequence[str]", entries: "Sequence[PartEntry]"
) -> "Mapping[str, Mapping[str, Any]]":
    """Return options by kind."""
    from genpolicy.composition.layers import from_arguments

    options: dict[str, dict[str, Any]] = {entry.kind: {} for entry in entries}
    for key, value in from_arguments(settings).values.items():
        kind, _, name = key.partition(".")
        if kind not in options or not name:
            raise OptionError(f"{key!r} is no option of a part that is checked: KIND.KEY=VALUE")
        options[kind][name] = value
    return options


def _find(context: typer.Context, plugin: str) -> "tuple[Catalogue, list[PluginRecord]]":
    """Return the catalogue and the plugins of a distribution, a project's folder or a file."""
    from genpolicy.discovery import load_catalogue
    from genpolicy.discovery.sources import normalise

    path = Path(plugin)
    if path.suffix == ".py":
        flags.name_files(context, [path])
        wanted = f"file:{path.stem}"
    elif path.is_dir():
        wanted = normalise(_project_name(path))
        _refuse_another(wanted, path)
    elif "/" in plugin:
        raise UsageError(f"there is no folder {plugin!r}")
    else:
        wanted = normalise(plugin)
    catalogue = load_catalogue()
    plugins = [found for found in catalogue.plugins if found.distribution == wanted]
    if not plugins:
        install = f"pip install {shlex.quote(plugin)}"
        raise UnknownPartError(f"no plugin of a distribution {wanted!r} is installed: `{install}`")
    return catalogue, plugins


def _refuse_another(distribution: str, folder: Path) -> None:
    """Refuse to check an installed copy in place of the project in a folder."""
    from genpolicy.discovery.provenance import project_folder
    from genpolicy.discovery.sources import plugin_distributions

    copies = plugin_distributions().get(distribution, [])
    install = f"`pip install -e {shlex.quote(str(folder))}`"
    if not copies:
        raise UnknownPartError(f"the project {distribution!r} is not installed: {install}")
    place = project_folder(copies[0])
    if place is None or place.resolve() != folder.resolve():
        raise UnknownPartError(
            f"the {distribution} that is installed is not the project in {str(folder)!r} but a "
            f"copy; {install} installs that, `agent plugins check {distribution}` checks the copy"
        )


def _project_name(folder: Path) -> str:
    file = folder / "pyproject.toml"
    try:
        return str(tomllib.loads(file.read_text(encoding="utf-8"))["project"]["name"])
    except FileNotFoundError:
        raise UsageError(f"{str(folder)!r} is no project: it has no pyproject.toml") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise UsageError(f"{file} names no project: {error}") from error


def _chosen(
    entries: "Sequence[PartEntry]", names: list[str] | None, kinds: list[str] | None
) -> "list[PartEntry]":
    from genpolicy.errors import did_you_mean

    for asked, known, what in (
        (names, [entry.spec.name for entry in entries], "part"),
        (kinds, [entry.kind for entry in entries], "part of kind"),
    ):
        for name in asked or ():
            if name not in known:
                raise UnknownPartError(f"it has no {what} {name!r}{did_you_mean(name, known)}")
    return [
        entry
        for entry in entries
        if (not names or entry.spec.name in names) and (not kinds or entry.kind in kinds)
    ]


def _show(result: "PartOutcome", tracebacks: bool) -> None:
    outcome = result.outcome
    word, style = _MARKS[outcome.state]
    line = f"{word:<9}{result.kind} {result.name}: {outcome.check}"
    reason = f" ({outcome.detail})" if outcome.state in ("expected", "skipped") else ""
    out().print(line + reason, style=style, soft_wrap=True)
    if outcome.state == "failed":
        out().print(f"         {outcome.detail}", soft_wrap=True)
        if outcome.why:
            out().print(f"         it matters: {outcome.why}", style="dim", soft_wrap=True)
        if tracebacks:
            out().print(outcome.traceback, style="dim", soft_wrap=True)


def _sum_up(found: "Sequence[PartOutcome]", problems: list[str]) -> None:
    states = Counter(result.outcome.state for result in found)
    parts = len({(result.kind, result.name) for result in found})
    words = {"passed": "passed", "failed": "failed", "expected": "failed as expected"}
    words |= {"skipped": "skipped", "not concerned": "do not apply"}
    counted = [f"{states[s]} {words[s]}" for s in states if s in words]
    verdict = "" if states["failed"] or problems else "all well: "
    out().print(f"\n{verdict}{parts} part(s), {', '.join(counted) or 'nothing to check'}")


def _facts(result: "PartOutcome") -> dict[str, Any]:
    outcome = result.outcome
    return {
        "kind": result.kind,
        "part": result.name,
        "check": outcome.check,
        "state": outcome.state,
        "detail": outcome.detail,
        "why": outcome.why,
    }
