"""CPU seconds until a command answers, and until a run takes its first step.

    python benchmarks/startup.py

User and system time of fresh processes, the least of several: waiting for other work is none of it.
With a plugin of somebody else's installed beside the program, which costs what it imports, too.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PROGRAM = "import sys; from genpolicy_cli.main import main; sys.exit(main())"
PLUGIN = """
from genpolicy import PartSpec, hookimpl

@hookimpl
def genpolicy_objectives():
    return [PartSpec(name="other", summary="somebody else's", target="elsewhere.parts:Other")]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _install(place / "site")
        beside = {"PYTHONPATH": os.pathsep.join([str(place / "site"), _path()])}
        print("| | CPU s | with another plugin |\n|---|---|---|")
        for name, command, environ in _cases():
            figures = [
                _least(command, place, {**environ, **more}, repeats) for more in ({}, beside)
            ]
            print(f"| {name} | {' | '.join(f'{figure:.2f}' for figure in figures)} |", flush=True)


def _cases() -> list[tuple[str, list[str], dict[str, str]]]:
    program = [sys.executable, "-c", PROGRAM]
    training = [sys.executable, "-m", "genpolicy_cli.first_step", "run", "--quiet"]
    typed = {"_AGENT_COMPLETE": "complete_bash", "COMP_WORDS": "agent run --backbone "}
    asked = [["--help"], ["list"], ["plugins", "list"]]
    return [
        *((f"`agent {' '.join(words)}`", [*program, *words], {}) for words in asked),
        ("completion of `agent run --backbone`", program, {**typed, "COMP_CWORD": "3"}),
        ("`agent run`, to its first step", training, {}),
        (
            "`agent run --eval-workers 1`, likewise",
            [*training, "--eval-workers", "1"],
            {},
        ),
        ("`import torch`, for comparison", [sys.executable, "-c", "import torch"], {}),
    ]


def _least(command: Sequence[str], place: Path, environ: Mapping[str, str], repeats: int) -> float:
    return min(_seconds(command, place, environ) for _ in range(repeats))


def _seconds(command: Sequence[str], place: Path, environ: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command,
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environ},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _install(site: Path) -> None:
    package, info = site / "elsewhere", site / "elsewhere-1.0.dist-info"
    for folder in (package, info):
        folder.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[genpolicy]\nparts = elsewhere.plugin\n")


def _path() -> str:
    return os.environ.get("PYTHONPATH", "")


if __name__ == "__main__":
    main()
