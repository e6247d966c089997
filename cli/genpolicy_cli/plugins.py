"""``agent plugins``: who provides parts, and what is wrong with them."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genpolicy_cli import flags, plugin_doctor, plugin_install
from genpolicy_cli.output import out, print_json, say
from genpolicy_cli.tables import listing

if TYPE_CHECKING:
    from genpolicy.discovery import PluginRecord

app = typer.Typer(
    no_args_is_help=True, help="Show who provides parts, and what is wrong with them."
)
app.command()(plugin_doctor.doctor)
app.command()(plugin_install.install)
app.command()(plugin_install.uninstall)
app.command()(plugin_install.freeze)


@app.command("list")
def list_plugins(
    as_json: Annotated[bool, flags.AS_JSON] = False, plugin: flags.Files = None
) -> None:
    """List the installed plugins, those that do not work and those that are denied included."""
    from genpolicy.discovery import load_catalogue
    from genpolicy.discovery.permission import Permission

    plugins = load_catalogue().plugins
    if as_json:
        print_json([_facts(each) for each in plugins])
        return
    permission = Permission.from_environ(os.environ)
    for note in permission.idle(each.distribution for each in plugins):
        say(note)
    columns = ("distribution", "version", "API", "entry point", "state", "parts", "ms", "heavy")
    out().print(listing(columns, [_row(each) for each in plugins]))
    for each in plugins:
        for problem in each.problems:
            out().print(f"{each.distribution} is {each.state}: {problem}", soft_wrap=True)


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
        "printed": plugin.printed,
    }
