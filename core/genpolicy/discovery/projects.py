"""Entry points that a project's ``pyproject.toml`` has and its installed metadata have not.

Installers copy entry points into the metadata: also an editable project must be installed again
when it gets a new one, and a checkout that is not installed has none at all.
"""

import shlex
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import attrs

from genpolicy.discovery.provenance import project_folder
from genpolicy.discovery.sources import GROUP, normalise

_FILE = "pyproject.toml"


@attrs.frozen
class Stale:
    """A project whose entry points are not those installed.

    Args:
        distribution: The normalised name of its distribution.
        problem: What is wrong and what to do, in one sentence.
    """

    distribution: str
    problem: str


def stale_projects(here: Path) -> list[Stale]:
    """Return the editable projects whose entry points are not those installed.

    Args:
        here: A folder whose project counts as well, installed or not.
    """
    installed = {normalise(str(d.metadata["Name"])): d for d in reversed([*distributions()])}
    folders = {project_folder(distribution): name for name, distribution in installed.items()}
    editable = {folder: name for folder, name in folders.items() if folder is not None}
    found: list[Stale] = []
    for folder, name in editable.items():
        found += _compare(folder, name, installed)
    for folder in (here, *here.parents):
        if (folder / _FILE).is_file():
            found += [] if folder in editable else _compare(folder, None, installed)
            break
    return found


def _compare(
    folder: Path, name: str | None, installed: Mapping[str, Distribution]
) -> Iterator[Stale]:
    if not (folder / _FILE).is_file():
        return
    try:
        project = tomllib.loads((folder / _FILE).read_text(encoding="utf-8")).get("project", {})
        if not project or "entry-points" in project.get("dynamic", ()):
            return  # they are written elsewhere: setup.py, setup.cfg, a table of poetry's
        wanted = project.get("entry-points", {}).get(GROUP, {})
        name = name or normalise(project.get("name", ""))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        if name is not None:
            yield Stale(name, f"{folder / _FILE} of {name} cannot be read ({error}): correct it")
        return
    if name in installed:
        yield from _differences(folder, name, wanted, installed[name])
    elif name and wanted:
        install = f"pip install -e {shlex.quote(str(folder))}"
        yield Stale(name, f"{name} in {folder} is not installed, so it has no parts: `{install}`")


def _differences(
    folder: Path, name: str, wanted: Mapping[str, Any], distribution: Distribution
) -> Iterator[Stale]:
    points = distribution.entry_points.select(group=GROUP)
    have = {(point.name, point.value.replace(" ", "")) for point in points}
    want = {(key, str(value).replace(" ", "")) for key, value in wanted.items()}
    lacking, surplus = _list(want - have), _list(have - want)
    problems = [f"has the entry point {lacking}, which is not installed"] if lacking else []
    problems += [f"no longer has {surplus}, which is still installed"] if surplus else []
    if problems:
        flag = "-e " if project_folder(distribution) else ""
        yield Stale(
            name,
            f"{folder / _FILE} of {name} {' and '.join(problems)}: run "
            f"`pip install {flag}{shlex.quote(str(folder))}` again",
        )


def _list(points: set[tuple[str, str]]) -> str:
    return ", ".join(f"{name} = {module!r}" for name, module in sorted(points))
