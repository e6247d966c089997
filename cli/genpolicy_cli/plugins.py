"""``agent plugins``: who provides parts, and what is wrong with them."""

import traceback
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genpolicy.errors import BrokenPartError, GenpolicyError
from genpolicy_cli import flags
from genpolicy_cli.output import out, print_json
from genpolicy_cli.tables import listing

if TYPE_CHECKING:
    from genpolicy.discovery import Catalogue, PluginRecord

app = typer.Typer(
    no_args_is_help=True, help="Show who provides parts, and what is wrong with them."
)


@app.command("list")
def list_plugins(as_json: Annotated[bool, flags.AS_JSON] = False) -> None:
    """List the installed plugins."""
    from genpolicy.discovery import load_catalogue

    plugins = load_catalogue().plugins
    if as_json:
        print_json([_facts(plugin) for plugin in plugins])
        return
    columns = ("distribution", "version", "API", "entry point", "state", "parts", "ms", "heavy")
    out().print(listing(columns, [_row(plugin) for plugin in plugins]))
    for plugin in plugins:
        if plugin.problem is not None:
            out().print(f"{plugin.distribution}: {plugin.problem}", soft_wrap=True)


@app.command()
def doctor() -> None:
    """Load every part of every plugin and say what is wrong, with tracebacks."""
    from genpolicy.discovery import load_catalogue

    found = load_catalogue()
    for plugin in found.plugins:
        _diagnose(plugin)
    for note in found.notes():
        out().print(f"note: {note}", soft_wrap=True)
    broken = [p.distribution for p in found.plugins if p.state in ("partial", "broken")]
    broken += _diagnose_parts(found)
    if broken:
        raise BrokenPartError(f"plugins with problems: {', '.join(dict.fromkeys(broken))}")
    parts = len(found.parts())
    out().print(f"all well: {len(found.plugins)} plugin(s) with {parts} parts")


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


def _row(plugin: "PluginRecord") -> tuple[str, ...]:
    return (
        plugin.distribution,
        plugin.version,
        _api_versions(plugin),
        plugin.entry_point,
        plugin.state,
        _parts(plugin),
        f"{1000 * plugin.import_seconds:.0f}",
        ", ".join(plugin.heavy_modules) or "none",
    )


def _api_versions(plugin: "PluginRecord") -> str:
    return ", ".join(sorted({str(part.spec.api_version) for part in plugin.parts}))


def _parts(plugin: "PluginRecord") -> str:
    names: dict[str, int] = {}
    for part in plugin.parts:
        names[part.kind] = names.get(part.kind, 0) + 1
    return ", ".join(f"{number} {kind}{'s' * (number > 1)}" for kind, number in names.items())


def _facts(plugin: "PluginRecord") -> dict[str, Any]:
    return {
        "distribution": plugin.distribution,
        "version": plugin.version,
        "api_versions": sorted({part.spec.api_version for part in plugin.parts}),
        "entry_point": plugin.entry_point,
        "module": plugin.module,
        "state": plugin.state,
        "problems": plugin.problems,
        "parts": [{"kind": part.kind, "name": part.spec.name} for part in plugin.parts],
        "import_ms": 1000 * plugin.import_seconds,
        "heavy_modules": plugin.heavy_modules,
    }
