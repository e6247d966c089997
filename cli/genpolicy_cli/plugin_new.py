"""``agent plugins new``: a distribution of one's own, complete and working."""

from pathlib import Path
from typing import Annotated

import typer

from genpolicy.discovery.spec import KINDS
from genpolicy_cli.output import err, out


def _kinds(incomplete: str) -> list[str]:
    return [kind for kind in KINDS if kind.startswith(incomplete)]


def new(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="What its parts are called; the distribution is genpolicy-NAME."
        ),
    ],
    kind: Annotated[
        list[str],
        typer.Option(
            help=f"A kind of part that it has, and others if given again: {', '.join(KINDS)}.",
            metavar="KIND",
            autocompletion=_kinds,
        ),
    ],
    folder: Annotated[
        Path, typer.Option("--out", help="Where its folder is made.", metavar="FOLDER")
    ] = Path(),
) -> None:
    """Write a distribution of parts that train as they stand, with tests, README and licence.

    `agent plugins new drift --kind backbone --kind objective` writes genpolicy-drift/.
    """
    from genpolicy.discovery import load_catalogue
    from genpolicy.scaffold import claimed, files_of, kinds_of, names_of, write
    from genpolicy.scaffold.readme import run_command

    names, kinds = names_of(name), kinds_of(kind)
    others = claimed(load_catalogue(), names, kinds)
    place = folder / names.distribution
    write(files_of(names, kinds, in_full=others), place)
    out().print(f"wrote {place}: {', '.join(kinds)} {names.part!r}", soft_wrap=True)
    for each, other in others.items():
        err().print(
            f"note: {each} {names.part!r} is {other}'s name as well; yours is {names.full_name}",
            soft_wrap=True,
        )
    typed = {each: names.full_name if each in others else names.part for each in kinds}
    steps = ("pip install -e '.[test]'", "pytest", "agent plugins check .", run_command(typed))
    err().print(f"next: cd {place} && {' && '.join(steps)}", style="dim", soft_wrap=True)
