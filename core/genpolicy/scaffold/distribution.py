"""The files of a new distribution, made from the templates by exchanging names."""

import datetime
import re
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from genpolicy.discovery import Catalogue
from genpolicy.errors import UsageError
from genpolicy.scaffold import templates
from genpolicy.scaffold.names import Names
from genpolicy.scaffold.readme import readme

_COMMON: Final = {
    "pyproject.toml": "project.toml",
    "LICENSE": "LICENSE",
    ".gitignore": "gitignore",
    ".github/workflows/test.yml": "test.yml",
}
_HOOK: Final = "\n\n\n@hookimpl\n"
_TOKEN: Final = re.compile(
    r"2000 the authors of genpolicy-example|genpolicy\.scaffold\.templates|from \.\.(?=\w)"
    r"|genpolicy>=0|genpolicy-example|Example|example"
)
"""What is exchanged in a template."""


def claimed(catalogue: Catalogue, names: Names, kinds: Iterable[str]) -> dict[str, str]:
    """Return the full names of others' parts that go by the same bare name, by kind."""
    return {
        kind: entry.full_name
        for kind in kinds
        for entry in reversed(catalogue.parts(kind))  # the first of several counts: ours
        if names.part in entry.claims and entry.distribution != names.distribution
    }


def files_of(
    names: Names, kinds: tuple[str, ...], *, in_full: Iterable[str] = ()
) -> dict[str, str]:
    """Return the text of every file of a new distribution by its path.

    Args:
        names: What things are called.
        kinds: The kinds of its parts.
        in_full: The kinds whose parts users must name in full.
    """
    files = {path: templates.read(template) for path, template in _COMMON.items()}
    files[f"{names.package}/__init__.py"] = ""
    files[f"{names.package}/plugin.py"] = _plugin(kinds)
    for kind in kinds:
        files |= _of_kind(names, kind)
    renamed = _renaming(names)
    files = {path: _TOKEN.sub(lambda found: renamed[found[0]], files[path]) for path in files}
    return {**files, "README.md": readme(names, kinds, tuple(in_full))}


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write files into a folder that is new or empty.

    Raises:
        UsageError: Something is there already, or it cannot be written.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(
                f"{str(folder)!r} is there already, and nothing is overwritten; name another "
                "folder with --out, or another part"
            )
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{str(folder)!r} cannot be written: {error.strerror}") from error


def _plugin(kinds: tuple[str, ...]) -> str:
    """Return the plugin's module with the hooks of these kinds alone."""
    head, *hooks = templates.read("plugin.py").rstrip().split(_HOOK)
    if "recipe" not in kinds:
        head = head.replace(", recipe_specs", "")
    wanted = [hook for hook in hooks if any(f" genpolicy_{kind}s(" in hook for kind in kinds)]
    return _HOOK.join([head, *wanted]) + "\n"


def _of_kind(names: Names, kind: str) -> dict[str, str]:
    test = {f"tests/test_{kind}.py": templates.read(f"tests/test_{kind}.py")}
    if kind == "recipe":
        folder, file = f"{names.package}/recipes", templates.read("recipes/example.toml")
        return {f"{folder}/__init__.py": "", f"{folder}/{names.part}.toml": file, **test}
    return {f"{names.package}/{kind}.py": templates.read(f"{kind}.py"), **test}


def _renaming(names: Names) -> dict[str, str]:
    year = datetime.datetime.now(tz=datetime.UTC).year
    return {
        "2000 the authors of genpolicy-example": f"{year} {_author(names)}",
        "genpolicy.scaffold.templates": names.package,
        "from ..": f"from {names.package}.",
        "genpolicy>=0": _bound(version("genpolicy")),
        "genpolicy-example": names.distribution,
        "Example": names.class_name,
        "example": names.part,
    }


def _bound(running: str) -> str:
    """Return what the running version promises to go on working with: its minor version."""
    major, minor = (int(number) for number in re.findall(r"\d+", running)[:2])
    return f"genpolicy>={major}.{minor},<{major}.{minor + 1}"


def _author(names: Names) -> str:
    try:
        git = ["git", "config", "user.name"]
        done = subprocess.run(git, capture_output=True, text=True, check=False)
    except OSError:
        return f"the authors of {names.distribution}"
    return done.stdout.strip() or f"the authors of {names.distribution}"
