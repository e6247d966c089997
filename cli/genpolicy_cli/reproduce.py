"""``agent reproduce``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genpolicy.errors import RunError
from genpolicy_cli import completion, flags
from genpolicy_cli.execution import carry_out, carry_out_together, refuse_gaps
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, out, print_json, say
from genpolicy_cli.results import score_facts
from genpolicy_cli.tables import facts, listing
from genpolicy_cli.words import interval
from genpolicy_cli.writable import writable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genpolicy.runs.launch import Launch, RunResult


def reproduce(
    context: typer.Context,
    run: Annotated[
        str,
        typer.Argument(help="The run's id, or how it begins.", autocompletion=completion.runs),
    ],
    device: Annotated[
        str | None,
        typer.Option(help="auto, cpu, cuda or cuda:N; by default the run's own.", metavar="NAME"),
    ] = None,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
    output: Annotated[
        Path, typer.Option(help="The folder of the runs' folders.", metavar="DIR")
    ] = Path("runs"),
    as_json: Annotated[bool, flags.AS_JSON] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    plugin: flags.Files = None,
) -> None:
    """Run a finished run again, with its recipe, seed and data, and say whether it agrees.

    The repetition is a run of its own. A run that trained as one program with others is repeated
    with them, for it is only so that the same comes out. Exit status 0 if it is bit-identical or
    agrees within the interval, 1 if it differs.
    """
    with writable(registry, create=False) as written:
        detail = written.run(run)
        with err().status("loading parts and data"):
            from genpolicy.devices import choose_device
            from genpolicy.runs import reproduction

            launches, changes = reproduction.repeat(
                detail,
                registry=written,
                catalogue=catalogue(),
                device=choose_device(device or detail.start.device),
                output=output,
                command=str(context.obj or ""),
                say=say,
            )
        rows = [(change.what, change.then, change.now) for change in changes]
        if not as_json:
            out().print(listing(("changed", "then", "now"), rows) if rows else "nothing changed")
        result = _repetition(launches, detail.id, quiet=quiet)
        repeated = written.run(result.run)
    found = reproduction.compare(detail, repeated)
    verdict = reproduction.in_words(found, detail.final_evaluation)
    both = [each.final_evaluation for each in (detail, repeated)]
    if as_json:
        print_json(
            {
                "run": detail.id,
                "repetition": result.run,
                "changes": changes,
                "comparison": found,
                "scores": [score_facts(record) for record in both],
            }
        )
    else:
        scores = [interval(record.score if record else None) for record in both]
        pairs = zip((f"run {detail.id}", f"repetition {result.run}"), scores, strict=True)
        out().print(facts([*pairs, ("verdict", verdict)]))
    refuse_gaps([result])
    if found.verdict == "differs":
        raise RunError(f"run {detail.id} was not reproduced: it {verdict}")


def _repetition(launches: "Sequence[Launch]", run: str, *, quiet: bool) -> "RunResult":
    """Carry the repetitions out, and return what that of one run came to.

    Raises:
        RunError: It could not go on; what became of the others is said.
    """
    if len(launches) == 1:
        return carry_out(launches[0], quiet=quiet)
    others = len(launches) - 1
    them = "the other that trains" if others == 1 else f"the {others} that train"
    err().print(f"run {run} and {them} with it run again, as one program", soft_wrap=True)
    ended = carry_out_together(launches, quiet=quiet)
    own = next(n for n, launch in enumerate(launches) if launch.parent == run)
    for number, end in enumerate(ended):
        if isinstance(end, BaseException) and number != own:
            say(f"run {launches[number].run_id}: {end}")
    found = ended[own]
    if isinstance(found, BaseException):
        raise found
    return found
