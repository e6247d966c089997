"""``agent plugins install``, ``uninstall`` and ``freeze``: pip, and what it changed here."""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from genpolicy.errors import BrokenPartError, PartError, UsageError, did_you_mean
from genpolicy_cli.installer import Listing, fresh_listing, pip
from genpolicy_cli.output import out

_WORKING = ("ok", "denied")


def install(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME|PATH",
            help="What to install, as pip takes it; pip's own options follow after --.",
            show_default=False,
        ),
    ],
) -> None:
    """Install plugins with pip, and say which parts are new.

    `agent plugins install -- -e FOLDER` installs a project so that changes to it count at once.
    """
    before = fresh_listing()
    pip("install", *arguments)
    after = fresh_listing()
    told = _tell(after, before, "new")
    broken = _troubled(after, before, arguments)
    for plugin in broken:
        for problem in plugin["problems"]:
            out().print(f"{plugin['distribution']} is {plugin['state']}: {problem}", soft_wrap=True)
    if any(plugin["state"] not in _WORKING for plugin in broken):
        names = ", ".join(dict.fromkeys(plugin["distribution"] for plugin in broken))
        raise BrokenPartError(
            f"installed with problems: {names}; `agent plugins doctor` shows tracebacks"
        )
    if not told and not broken:
        out().print("no part is new")


def uninstall(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME",
            help="Distributions of plugins; `agent plugins list`.",
            show_default=False,
        ),
    ],
) -> None:
    """Uninstall plugins with pip, and say which parts are gone."""
    chosen = _plugins_called(names)
    before = fresh_listing()
    pip("uninstall", "--yes", *chosen)
    after = fresh_listing()
    _tell(before, after, "gone")
    left = sorted({plugin["distribution"] for plugin in after} & set(chosen))
    if left:
        raise PartError(
            f"still installed: {', '.join(left)}; pip leaves alone what another environment holds, "
            "and removes one copy at a time"
        )


def freeze() -> None:
    """Print requirements that bring genpolicy and its plugins back: `pip install -r FILE`."""
    from genpolicy.discovery.provenance import requirement
    from genpolicy.discovery.sources import plugin_distributions

    for copies in plugin_distributions().values():
        out().print(requirement(copies[0]), soft_wrap=True)


def _plugins_called(names: Iterable[str]) -> list[str]:
    """Return the distributions that were named, all of them plugins of somebody else's."""
    from genpolicy.discovery.advice import OWN
    from genpolicy.discovery.sources import normalise, plugin_distributions

    known = [name for name in plugin_distributions() if name != OWN]
    chosen = [normalise(name) for name in names]
    for name in chosen:
        if name == OWN:
            raise UsageError(f"{OWN} is this program itself: `pip uninstall {OWN}` removes it")
        if name not in known:
            raise UsageError(f"no installed plugin is called {name!r}{did_you_mean(name, known)}")
    return chosen


def _tell(these: Listing, those: Listing, what: str) -> bool:
    """Print the parts of each plugin that only the first listing has; return whether any is."""
    others = {_part(plugin, part) for plugin in those for part in plugin["parts"]}
    told = False
    for plugin in these:
        parts = [part for part in plugin["parts"] if _part(plugin, part) not in others]
        if parts:
            names = ", ".join(f"{part['kind']} {part['name']}" for part in parts)
            out().print(
                f"{what}: {names} ({plugin['distribution']} {plugin['version']})", soft_wrap=True
            )
        told |= bool(parts)
    return told


def _part(plugin: dict[str, Any], part: dict[str, str]) -> tuple[str, ...]:
    return plugin["distribution"], part["kind"], part["name"]


def _troubled(after: Listing, before: Listing, arguments: Sequence[str]) -> Listing:
    """Return the plugins with problems that were named, or that had none before."""
    from genpolicy.discovery.sources import normalise

    named = {normalise(re.split(r"[^\w.-]", argument)[0]) for argument in arguments}
    old = {(plugin["distribution"], plugin["version"], *plugin["problems"]) for plugin in before}
    return [
        plugin
        for plugin in after
        if plugin["problems"]
        and (
            plugin["distribution"] in named
            or (plugin["distribution"], plugin["version"], *plugin["problems"]) not in old
        )
    ]
