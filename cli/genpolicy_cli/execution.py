"""Carrying runs out, alone or as one program, with progress on the screen."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from genpolicy.errors import RegistryError
from genpolicy_cli.output import err
from genpolicy_cli.progress import Display, display_for
from genpolicy_cli.results import shown_path
from genpolicy_cli.stopping import stopping

if TYPE_CHECKING:
    from genpolicy.runs.launch import Launch, RunResult


def carry_out(launch: "Launch", *, quiet: bool) -> "RunResult":
    """Run to the end, showing how it goes; the first Ctrl-C stops it with a checkpoint."""
    display = _display([launch], quiet=quiet)
    with display, stopping(launch.stop, display.tell):
        return launch.run([display])


def carry_out_together(
    launches: "Sequence[Launch]",
    *,
    quiet: bool,
    names: Sequence[str] | None = None,
    seed: int | None = None,
) -> "list[RunResult | BaseException]":
    """Run all to their ends as one program, showing how the first goes.

    Args:
        launches: The runs.
        quiet: Whether to show nothing.
        names: The ids of all that began together, if not all of them go on.
        seed: The seed of the first of those, if it may not be among them.
    """
    from genpolicy.runs.batch import run_batch

    display = _display(launches, quiet=quiet)

    def stop() -> None:
        for launch in launches:
            launch.stop()

    with display, stopping(stop, display.tell):
        return run_batch(launches, [display], names, seed)


def _display(launches: "Sequence[Launch]", *, quiet: bool) -> Display:
    """Return the display of the first, which says whose it is where there are several."""
    runner, number = launches[0].runner, len(launches)
    return display_for(
        err(),
        runner.stages,
        quiet=quiet,
        whose=f"seed {runner.recipe.seed}, the first of {number} runs" if number > 1 else "",
        compiles=runner.recipe.train.compile == "on",
    )


def refuse_gaps(results: "Sequence[RunResult]") -> None:
    """Raise if the registry did not take all of a run.

    Raises:
        RegistryError: It did not; the agent is saved all the same.
    """
    from genpolicy.registry.spill import FILE_NAME

    for result in results:
        if result.problem is not None:
            folder = result.folder.parent
            hint = f"; `agent runs import {shown_path(folder)}` takes in what is missing"
            raise RegistryError(
                f"run {result.run} is not wholly recorded: {result.problem}"
                f"{hint if (folder / FILE_NAME).exists() else ''}"
            )
