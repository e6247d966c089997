"""The command ``agent``: its subcommands, and what becomes of errors."""

import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer

from genpolicy.errors import GenpolicyError, GenpolicyWarning
from genpolicy_cli import (
    advice,
    bench,
    datasets,
    density,
    evaluate,
    export,
    fits,
    leaderboard,
    parts,
    plot,
    plugin_check,
    plugin_new,
    plugins,
    recipes,
    reproduce,
    resume,
    run,
    run_diff,
    run_export,
    run_import,
    run_notes,
    run_removal,
    run_sql,
    runs,
)
from genpolicy_cli.output import err, out, say

app = typer.Typer(
    name="agent",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 the run failed, 2 usage, 3 a part is missing or broken, "
    "4 registry, 130 interrupted. AGENT_DEBUG=1 shows tracebacks.",
)
app.command("run")(run.run)
app.command("resume")(resume.resume)
app.command("reproduce")(reproduce.reproduce)
runs.app.command("diff")(run_diff.diff)
runs.app.command("sql")(run_sql.sql)
runs.app.command("tag")(run_notes.tag)
runs.app.command("note")(run_notes.note)
runs.app.command("export")(run_export.export)
runs.app.command("import")(run_import.import_runs)
runs.app.command("rm")(run_removal.remove)
runs.app.command("reap")(run_removal.reap)
app.add_typer(runs.app, name="runs")
app.command("evaluate")(evaluate.evaluate)
app.command("export")(export.export)
app.command("leaderboard")(leaderboard.leaderboard)
app.command("plot")(plot.plot)
app.command("density")(density.density)
app.command("bench")(bench.bench)
app.command("list")(parts.list_parts)
app.command("info")(parts.info)
app.command("recipes")(recipes.recipes)
app.command("fits")(fits.fits)
plugins.app.command("new")(plugin_new.new)
plugins.app.command("check")(plugin_check.check)
app.add_typer(plugins.app, name="plugins")
app.add_typer(datasets.app, name="datasets")


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        out().print(f"agent (genpolicy {version('genpolicy')})")
        raise typer.Exit


@app.callback()
def agent(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Generative-policy agents for offline reinforcement learning, put together from named parts.

    `agent run` trains, scores and records one; `agent list` shows the parts there are.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What stands after the program's name; by default what the user typed.

    Returns:
        The exit status.
    """
    typed = list(sys.argv[1:] if arguments is None else arguments)
    with advice.about(typed):
        return _main(typed)


def _main(typed: Sequence[str]) -> int:
    try:
        with _warnings_in_one_line():
            command = advice.without_passwords(shlex.join(["agent", *typed]))
            app(args=list(typed), prog_name="agent", obj=command)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return 130
    except GenpolicyError as error:
        _report(str(error), error)
        return error.exit_code
    except Exception as error:
        text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        _report(f"unexpected {text} (AGENT_DEBUG=1 shows where)", error)
        return 1
    return 0


def _report(message: str, error: BaseException) -> None:
    if os.environ.get("AGENT_DEBUG"):
        err().print("".join(traceback.format_exception(error)).rstrip(), soft_wrap=True)
    for line in advice.completed(message).splitlines():
        err().print(f"error: {line}", style="red", soft_wrap=True)


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Show our own warnings as sentences, and keep those of libraries for their developers."""
    with warnings.catch_warnings():
        if not os.environ.get("AGENT_DEBUG"):
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", GenpolicyWarning)
            warnings.showwarning = lambda message, *_, **__: say(str(message))
        yield
