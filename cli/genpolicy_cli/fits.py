"""``agent fits``."""

from typing import TYPE_CHECKING, Annotated

from genpolicy_cli import flags
from genpolicy_cli.installed import catalogue
from genpolicy_cli.output import err, out, print_json
from genpolicy_cli.tables import listing

if TYPE_CHECKING:
    from genpolicy.composition.table import Cell, FitTable


def fits(
    objective: Annotated[str | None, flags.part("objective")] = None,
    backbone: Annotated[str | None, flags.part("backbone")] = None,
    solver: Annotated[str | None, flags.part("solver")] = None,
    critic: Annotated[str | None, flags.part("critic")] = None,
    as_json: Annotated[bool, flags.AS_JSON] = False,
    plugin: flags.Files = None,
) -> None:
    """Show which parts go together; the ones you name stay fixed.

    Where several things vary, the table shows objectives by backbones, then solvers and critics;
    what is not named is the default, such as each backbone's own solver.
    """
    given = {"objective": objective, "backbone": backbone, "solver": solver, "critic": critic}
    fixed = {kind: name for kind, name in given.items() if name is not None}
    parts = catalogue()
    with err().status("trying combinations"):
        from genpolicy.composition.table import fit_table

        table = fit_table(parts, fixed)
    if as_json:
        print_json(
            {
                "fixed": table.fixed,
                "axes": table.axes,
                "combinations": [_facts(cell) for cell in table.cells],
            }
        )
    else:
        _show(table)


def _facts(cell: "Cell") -> dict[str, object]:
    return {**cell.parts, "fits": cell.fits, "problems": cell.problems}


def _show(table: "FitTable") -> None:
    if table.fixed:
        out().print(", ".join(f"{kind} {name}" for kind, name in table.fixed.items()))
    numbers = {cause: str(n) for n, cause in enumerate(table.causes, start=1)}
    marks = ["✓" if cell.fits else numbers[cell.cause] for cell in table.cells]
    rows, columns = _axes(table)
    width = len(columns)
    lines = [
        (row, *marks[number * width : (number + 1) * width]) for number, row in enumerate(rows)
    ]
    out().print(listing((" by ".join(table.axes), *columns), lines))
    for cause, number in numbers.items():
        first, *rest = cause.splitlines()
        out().print(f"{number}  {first}", soft_wrap=True)
        for line in rest:
            out().print(f"   {line}", soft_wrap=True)


def _axes(table: "FitTable") -> tuple[tuple[str, ...], tuple[str, ...]]:
    if len(table.names) == 2:
        return table.names[0], table.names[1]
    return (table.names[0] if table.names else ("",)), ("fits",)
