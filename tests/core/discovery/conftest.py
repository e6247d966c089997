"""Small real distributions: a module and a dist-info folder, seen by a Python of their own."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

PLUGIN = """
from genpolicy import PartSpec, hookimpl

@hookimpl
def genpolicy_backbones():
    return [PartSpec(name={name!r}, summary="a test", target={target!r})]
"""

ASK = """
import json, sys
import attrs
from genpolicy.discovery import load_catalogue
from genpolicy.errors import PartError

def attempt(kind, name, load):
    try:
        entry = catalogue.find(kind, name)
        return catalogue.load(entry, object).__name__ if load else entry.full_name
    except PartError as error:
        return f"{type(error).__name__}: {error}"

question = json.loads(sys.argv[1])
catalogue = load_catalogue(question["extra_files"])
answer = {
    "plugins": {plugin.key: attrs.asdict(plugin) for plugin in catalogue.plugins},
    "backbones": catalogue.names("backbone"),
    "problems": catalogue.problems(),
    "notes": catalogue.notes(),
    "found": [attempt("backbone", name, False) for name in question["find"]],
    "loaded": [attempt("backbone", name, True) for name in question["load"]],
}
print(json.dumps(answer, default=str))
"""


@attrs.frozen
class Site:
    """A folder on ``sys.path`` where distributions are installed."""

    folder: Path

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")

    def add(
        self,
        name: str,
        plugin: str,
        *,
        version: str = "1.0",
        entry_point: str = "parts",
        module: str | None = None,
    ) -> None:
        """Install a distribution whose plugin module holds this code."""
        module = module or name.replace("-", "_")
        self.write(f"{module}/__init__.py", "")
        self.write(f"{module}/plugin.py", plugin)
        self.register(name, version, f"[genpolicy]\n{entry_point} = {module}.plugin\n")

    def register(self, name: str, version: str, entry_points: str) -> None:
        """Write the metadata of a distribution."""
        info = f"{name.replace('-', '_')}-{version}.dist-info"
        self.write(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        self.write(f"{info}/entry_points.txt", entry_points)

    def run(self, script: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run Python code that sees the distributions of this folder."""
        inherited = {key: value for key, value in os.environ.items() if "AGENT_" not in key}
        environ = {**inherited, "PYTHONPATH": str(self.folder), **environ}
        return subprocess.run(
            [sys.executable, "-P", "-c", script, *arguments],
            capture_output=True,
            text=True,
            env=environ,
            cwd=self.folder,
            check=True,
        )

    def ask(
        self,
        find: tuple[str, ...] = (),
        load: tuple[str, ...] = (),
        extra_files: tuple[str, ...] = (),
        **environ: str,
    ) -> dict[str, Any]:
        """Build the catalogue, look backbones up, and return what came of it."""
        question = {"find": find, "load": load, "extra_files": extra_files}
        answer: dict[str, Any] = json.loads(self.run(ASK, json.dumps(question), **environ).stdout)
        return answer


@pytest.fixture(scope="module")
def make_site(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Site]:
    return lambda: Site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture(scope="session")
def plugin_code() -> Callable[..., str]:
    """Write the code of a plugin that provides one backbone."""

    def write(name: str, target: str = "nowhere:Drift") -> str:
        return PLUGIN.format(name=name, target=target)

    return write
