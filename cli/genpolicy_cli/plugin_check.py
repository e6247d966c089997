"""``agent plugins check``: whether a plugin's parts do what parts of their kinds must."""

import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genpolicy.errors import BrokenPartError, UnknownPartError, UsageError
from genpolicy_cli import flags
from genpolicy_cli.output import out, print_json

if TYPE_CHECKING:
    from genpolicy.discovery import Catalogue, PartEntry, PluginRecord
    from genpolicy.testing.distribution import PartOutcome

_MARKS = {
    "passed": ("ok", "green"),
    "failed": ("FAILED", "red"),
    "expected": ("expected", "yellow"),
    "skipped": ("skipped", "dim"),
}
"""How a check is shown; one that does not concern a part is not."""

_SUMS = {
    "passed": "passed",
    "failed": "failed",
    "expected": "failed as expected",
    "skipped": "skipped",
}


def check(
    context: typer.Context,
    plugin: Annotated[
        str,
        typer.Argument(
            metavar="DIST|PATH",
            help="An installed distribution, its project's folder, or a Python file with parts.",
        ),
    ],
    part: Annotated[
        list[str] | None, typer.Option("--part", help="This part alone.", metavar="NAME")
    ] = None,
    tracebacks: Annotated[
        bool, typer.Option("--tracebacks", help="Show where checks failed.")
    ] = False,
    as_json: Annotated[bool, flags.AS_JSON] = False,
) -> None:
    """Check every part of a plugin: one line per check, with what failed and why it matters."""
    import torch

    from genpolicy.testing.distribution import check_parts

    torch.set_num_threads(1)
    catalogue, plugins = _find(context, plugin)
    entries = _chosen([entry for found in plugins for entry in found.parts], part)
    problems = [problem for found in plugins for problem in found.problems]
    found: list[PartOutcome] = []
    for result in check_parts(catalogue, entries):
        found.append(result)
        if not as_json and result.outcome.state in _MARKS:
            _show(result, tracebacks)
    if as_json:
        print_json([_facts(result) for result in found])
    else:
        _sum_up(found, problems)
    failed = sum(result.outcome.state == "failed" for result in found)
    if failed or problems:
        what = [f"{failed} of {len(found)} checks failed"] * bool(failed) + problems
        raise BrokenPartError("\n".join(what))


def _find(context: typer.Context, plugin: str) -> "tuple[Catalogue, list[PluginRecord]]":
    """Return the catalogue and the plugins of a distribution, a project's folder or a file."""
    from genpolicy.discovery import load_catalogue
    from genpolicy.discovery.sources import normalise

    path = Path(plugin)
    if path.suffix == ".py":
        flags.name_files(context, [path])
        wanted = f"file:{path.stem}"
    else:
        wanted = normalise(_project_name(path) if path.is_dir() else plugin)
    catalogue = load_catalogue()
    plugins = [found for found in catalogue.plugins if found.distribution == wanted]
    if not plugins:
        install = f"pip install -e {plugin}" if path.is_dir() else f"pip install {plugin}"
        raise UnknownPartError(f"no plugin of a distribution {wanted!r} is installed: `{install}`")
    return catalogue, plugins


def _project_name(folder: Path) -> str:
    file = folder / "pyproject.toml"
    try:
        return str(tomllib.loads(file.read_text(encoding="utf-8"))["project"]["name"])
    except FileNotFoundError:
        raise UsageError(f"{str(folder)!r} is no project: it has no pyproject.toml") from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise UsageError(f"{file} names no project: {error}") from error


def _chosen(entries: "list[PartEntry]", names: list[str] | None) -> "list[PartEntry]":
    from genpolicy.errors import did_you_mean

    known = [entry.spec.name for entry in entries]
    for name in names or ():
        if name not in known:
            raise UnknownPartError(f"it has no part {name!r}{did_you_mean(name, known)}")
    return [entry for entry in entries if not names or entry.spec.name in names]


def _show(result: "PartOutcome", tracebacks: bool) -> None:
    outcome = result.outcome
    word, style = _MARKS[outcome.state]
    line = f"{word:<9}{result.kind} {result.name}: {outcome.check}"
    reason = f" ({outcome.detail})" if outcome.state in ("expected", "skipped") else ""
    out().print(line + reason, style=style if outcome.state != "passed" else None, soft_wrap=True)
    if outcome.state == "failed":
        out().print(f"         {outcome.detail}", soft_wrap=True)
        if outcome.why:
            out().print(f"         it matters: {outcome.why}", style="dim", soft_wrap=True)
        if tracebacks:
            out().print(outcome.traceback, style="dim", soft_wrap=True)


def _sum_up(found: "list[PartOutcome]", problems: list[str]) -> None:
    states = Counter(_SUMS.get(result.outcome.state, "") for result in found)
    parts = len({(result.kind, result.name) for result in found})
    counted = ", ".join(f"{states[word]} {word}" for word in _SUMS.values() if states[word])
    verdict = "" if states["failed"] or problems else "all well: "
    out().print(f"\n{verdict}{parts} part(s), {counted or 'nothing to check'}")


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
