"""``agent reproduce``."""

from pathlib import Path
from typing import Annotated

import typer

from genpolicy.errors import RunError
from genpolicy_cli import completion, flags
from genpolicy_cli.execution import carry_out, refuse_gaps
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, out, print_json, say
from genpolicy_cli.results import score_facts
from genpolicy_cli.tables import facts, listing
from genpolicy_cli.words import interval
from genpolicy_cli.writable import writable


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

    The repetition is a run of its own. Exit status 0 if it is bit-identical or agrees within the
    interval, 1 if it differs.
    """
    with writable(registry, create=False) as written:
        detail = written.run(run)
        with err().status("loading parts and data"):
            from genpolicy.devices import choose_device
            from genpolicy.runs import reproduction

            launch, changes = reproduction.repeat(
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
        result = carry_out(launch, quiet=quiet)
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
