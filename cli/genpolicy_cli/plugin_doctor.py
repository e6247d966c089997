"""``agent plugins doctor``: everything that is wrong with plugins, and what to do about it."""

import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from genpolicy.errors import BrokenPartError, GenpolicyError
from genpolicy_cli import flags
from genpolicy_cli.output import out
from genpolicy_cli.words import count

if TYPE_CHECKING:
    from genpolicy.discovery import Catalogue, PluginRecord


def doctor(plugin: flags.Files = None) -> None:
    """Load every part of every plugin and say what is wrong and what to do, with tracebacks."""
    from genpolicy.discovery import load_catalogue
    from genpolicy.discovery.permission import Permission
    from genpolicy.discovery.projects import stale_projects

    found = load_catalogue()
    for each in found.plugins:
        _diagnose(each)
    stale = stale_projects(Path.cwd())
    for project in stale:
        out().print(project.problem, soft_wrap=True)
    permission = Permission.from_environ(os.environ)
    notes = [*found.notes(), *permission.idle(each.distribution for each in found.plugins)]
    for note in notes:
        out().print(f"note: {note}", soft_wrap=True)
    broken = [p.distribution for p in found.plugins if p.state in ("partial", "broken")]
    broken += [project.distribution for project in stale]
    broken += _diagnose_parts(found)
    if broken:
        raise BrokenPartError(f"plugins with problems: {', '.join(dict.fromkeys(broken))}")
    size = f"{count(len(found.plugins), 'plugin')} with {count(len(found.parts()), 'part')}"
    out().print(f"{'nothing is broken' if notes else 'all well'}: {size}")


def _diagnose(plugin: "PluginRecord") -> None:
    for problem in plugin.problems:
        out().print(f"{plugin.key} is {plugin.state}: {problem}", soft_wrap=True)
    if plugin.traceback:
        out().print(f"\n{plugin.traceback}\n", soft_wrap=True, style="dim")


def _diagnose_parts(found: "Catalogue") -> list[str]:
    """Load every part, print what is wrong with it, and return the distributions at fault."""
    from genpolicy.composition.describe import describe_part
    from genpolicy.composition.named_recipe import read_recipe

    broken = []
    for entry in found.parts():
        try:
            if entry.kind == "recipe":
                read_recipe(found, entry)
            else:
                describe_part(found, entry)
        except GenpolicyError as error:
            broken.append(entry.distribution)
            out().print(f"{entry.kind} {entry.full_name} is broken: {error}", soft_wrap=True)
            if error.__cause__ is not None:
                trace = "".join(traceback.format_exception(error.__cause__))
                out().print(f"\n{trace}\n", soft_wrap=True, style="dim", markup=False)
    return broken
