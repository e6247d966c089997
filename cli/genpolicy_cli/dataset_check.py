"""``agent datasets check``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import attrs
import typer

from genpolicy.errors import DataError
from genpolicy_cli import flags
from genpolicy_cli.dataset_settings import Name, Settings, named_recipe, prepared, single_steps
from genpolicy_cli.listings import Column, Printed, number, show_rows
from genpolicy_cli.option_groups import grouped
from genpolicy_cli.output import err
from genpolicy_cli.words import NOTHING

if TYPE_CHECKING:
    from genpolicy.data_checks import Finding
    from genpolicy.dataset import DatasetRecipe

COLUMNS: Final = (
    Column("check", lambda finding: finding.check, wraps=False),
    Column("verdict", lambda finding: finding.verdict, wraps=False),
    Column("what", lambda finding: finding.what),
    number("first row", lambda finding: finding.row),
    number("how many", lambda finding: finding.rows),
    Column("what to do", lambda finding: finding.advice, lambda text: text or NOTHING),
)


@grouped
def check(
    printed: Printed,
    name: Name,
    settings: Settings = None,
    plugin: flags.Files = None,
) -> None:
    """Look for what is wrong with data, before anything learns from them.

    Numbers, alignment, ends of episodes, constant columns, actions, repeated episodes; and, with an
    environment, whether its physics leads where the data say. Exit status 1 if something is wrong.
    """
    recipe = named_recipe(name, settings or ())
    findings = _findings(recipe, name)
    show_rows(findings, COLUMNS, printed.form, title=f"dataset {name}")
    wrong = sum(finding.verdict == "wrong" for finding in findings)
    odd = sum(finding.verdict == "odd" for finding in findings)
    if printed.form == "table":
        _conclude(wrong, odd)
    if wrong:
        raise typer.Exit(1)


def _findings(recipe: "DatasetRecipe", name: str) -> "Sequence[Finding]":
    """Return what is found in the data's single steps, whose rewards are as they are stored."""
    from genpolicy.data_checks import inspect_data, refused

    try:
        data = prepared(attrs.evolve(single_steps(recipe), reward="as-is"), name)
    except DataError as error:
        return [refused(error)]
    with err().status(f"checking {name}"):
        return list(inspect_data(data))


def _conclude(wrong: int, odd: int) -> None:
    """Say in a line what it comes to."""
    if not (wrong or odd):
        err().print("all well")
    elif wrong:
        err().print(f"{wrong} wrong, {odd} odd", style="red")
    else:
        err().print(f"{odd} odd, which may be meant", style="yellow")
