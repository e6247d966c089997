"""``agent export``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from genpolicy.errors import UsageError
from genpolicy_cli import completion, flags
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, out, print_json
from genpolicy_cli.results import shown_path
from genpolicy_cli.tables import facts
from genpolicy_cli.trained_agents import agent_folder

_SUFFIXES: Final = {".onnx": "onnx", ".pt2": "torch"}


def export(
    agent: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A run's id, how it begins, or a folder of a trained agent.",
            autocompletion=completion.runs_and_folders,
        ),
    ],
    target: Annotated[
        Path,
        typer.Option(
            "--out", help="Write this file.", metavar="FILE.onnx|FILE.pt2", show_default=False
        ),
    ],
    form: Annotated[
        str | None,
        typer.Option("--format", help="onnx or torch; by default as FILE ends.", metavar="NAME"),
    ] = None,
    solver: Annotated[str | None, flags.SOLVER] = None,
    steps: Annotated[int | None, flags.STEPS] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    as_json: Annotated[bool, flags.AS_JSON] = False,
    plugin: flags.Files = None,
) -> None:
    """Write a trained agent into one file that acts without this program.

    It holds one graph: from observations and noise, through every step of the solver, to actions.
    """
    wanted = form or _form_of(target)
    if target.exists() and not force:
        raise UsageError(f"{shown_path(target.absolute())} is there; --force replaces it")
    parts, folder = catalogue(), agent_folder(agent, registry)
    with err().status("exporting the agent"):
        from genpolicy.agent import Agent
        from genpolicy.export import export as write

        loaded = Agent.load(folder, catalogue=parts, solver=solver, steps=steps)
        written = write(loaded, target, wanted)
    if as_json:
        print_json(written)
        return
    rows = [("file", shown_path(target.absolute())), ("format", wanted), ("run", written["run"])]
    rows += [(name, _shape(size)) for name, size in written["inputs"].items()]
    rows += [(f"→ {name}", _shape(size)) for name, size in written["output"].items()]
    out().print(facts(rows))


def _form_of(target: Path) -> str:
    if target.suffix not in _SUFFIXES:
        raise UsageError(
            f"{target.name!r} does not say what to write; name a FILE.onnx or a FILE.pt2, or give "
            "--format onnx or --format torch"
        )
    return _SUFFIXES[target.suffix]


def _shape(sizes: Sequence[int | str]) -> str:
    return f"[{', '.join(str(size) for size in sizes)}]"
