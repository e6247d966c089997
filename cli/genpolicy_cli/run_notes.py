"""``agent runs tag`` and ``agent runs note``: what people attach to runs."""

from typing import Annotated

import typer

from genpolicy_cli import flags
from genpolicy_cli.keeping import existing
from genpolicy_cli.output import out
from genpolicy_cli.words import count


def tag(
    run: Annotated[str, flags.RUN],
    words: Annotated[list[str], typer.Argument(help="The tags.", metavar="WORD")],
    remove: Annotated[bool, typer.Option("--remove", help="Take them off.")] = False,
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
) -> None:
    """Attach tags to a run, or take them off; `agent runs --tag WORD` finds it by them."""
    with existing(registry) as opened:
        (found,) = opened.find([run])
        if remove:
            opened.untag(found, words)
        else:
            opened.tag(found, words)
        tags = opened.run(found).start.tags
    out().print(f"run {found} has {_counted(len(tags), 'tag')}{': ' if tags else ''}", end="")
    out().print(", ".join(tags), soft_wrap=True)


def note(
    run: Annotated[str, flags.RUN],
    text: Annotated[str, typer.Argument(help="The note.", metavar="TEXT")],
    registry: Annotated[str, flags.registry()] = flags.REGISTRY,
) -> None:
    """Attach a note to a run; `agent runs show` lists its notes."""
    with existing(registry) as opened:
        (found,) = opened.find([run])
        opened.note(found, text)
        notes = opened.run(found).notes
    out().print(f"run {found} has {_counted(len(notes), 'note')}")


def _counted(number: int, noun: str) -> str:
    return count(number, noun) if number else f"no {noun}s"
