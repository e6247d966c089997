"""The named recipes that a package's TOML files hold, listed without reading all of them."""

import importlib.resources
import re
import tomllib
from collections.abc import Iterator

from genpolicy.discovery.spec import PartSpec

_TASK = re.compile(r"^\[tasks\.([\w-]+)", re.MULTILINE)


def recipe_specs(package: str) -> list[PartSpec]:
    """Return the named recipes of a package: one per TOML file, or one per task of a file.

    ``quick.toml`` is called ``quick``; the table ``[tasks.hopper-medium]`` in ``gmpo.toml`` makes
    ``gmpo/hopper-medium``. Only what stands before a file's first table, and the headers of tables,
    are read, since this runs whenever parts are listed.

    Args:
        package: The package that the files lie in, such as ``"genpolicy_drift.recipes"``.

    Raises:
        ValueError: A file has no ``summary`` before its first table, or is not TOML up to there.
    """
    files = [file for file in importlib.resources.files(package).iterdir() if _is_toml(file.name)]
    specs: list[PartSpec] = []
    for file in sorted(files, key=lambda file: file.name):
        specs += _specs(package, file.name, file.read_text(encoding="utf-8"))
    return specs


def _is_toml(name: str) -> bool:
    return name.endswith(".toml")


def _specs(package: str, file: str, text: str) -> Iterator[PartSpec]:
    summary, stem = _summary(file, text), file.removesuffix(".toml")
    target = f"{package}:{file}"
    tasks = list(dict.fromkeys(_TASK.findall(text)))
    if not tasks:
        yield PartSpec(name=stem, summary=summary, target=target)
    for task in tasks:
        yield PartSpec(
            name=f"{stem}/{task}", summary=f"{summary}, for {task}", target=f"{target}#{task}"
        )


def _summary(file: str, text: str) -> str:
    head = text.partition("\n[")[0]
    try:
        return str(tomllib.loads(head)["summary"])
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise ValueError(f"{file} must begin with its summary, in TOML: {error!r}") from error
