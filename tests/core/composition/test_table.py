import pytest

from genpolicy.composition.table import fit_table
from genpolicy.errors import UnknownPartError


def test_a_table_spans_objectives_and_backbones(catalogue):
    table = fit_table(catalogue, {})
    assert table.axes == ("objective", "backbone")
    assert table.names == (catalogue.names("objective"), catalogue.names("backbone"))
    assert len(table.cells) == len(table.names[0]) * len(table.names[1])
    first = {"objective": table.names[0][0], "backbone": table.names[1][0]}
    assert dict(table.cells[0].parts) == first


def test_what_is_fixed_makes_room_for_other_kinds(catalogue):
    table = fit_table(catalogue, {"objective": "bc"})
    assert table.axes == ("backbone", "solver")
    assert {cell.parts["objective"] for cell in table.cells} == {"bc"}
    fits = {(cell.parts["backbone"], cell.parts["solver"]): cell.fits for cell in table.cells}
    assert fits["flow", "rk4"]
    assert fits["consistency", "jump"]
    assert not fits["consistency", "rk4"]


def test_an_objective_without_a_critic_leaves_critics_out(catalogue):
    table = fit_table(catalogue, {"objective": "bc", "backbone": "consistency"})
    assert table.axes == ("solver",)
    assert [cell.parts["solver"] for cell in table.cells if cell.fits] == ["jump"]


def test_with_everything_fixed_there_is_one_cell(catalogue):
    fixed = {"objective": "gmpg", "backbone": "flow", "solver": "rk4", "critic": "iql"}
    table = fit_table(catalogue, fixed)
    assert table.axes == ()
    (cell,) = table.cells
    assert cell.fits


def test_a_combination_that_makes_no_sense_says_why_once(catalogue):
    table = fit_table(catalogue, {"objective": "bc", "critic": "iql"})
    assert not any(cell.fits for cell in table.cells)
    (cause,) = table.causes
    assert cause == "bc uses no critic; leave it out"


def test_one_cause_stands_for_all_parts_that_lack_the_same(catalogue):
    table = fit_table(catalogue, {"objective": "qgpo", "solver": "euler", "critic": "iql"})
    assert len([cell for cell in table.cells if not cell.fits]) > 1
    (cause,) = table.causes
    assert cause.startswith(
        "qgpo needs a backbone as its behaviour that travels on a known Gaussian path "
        "(GaussianPathBackbone); fitting: flow, "
    )


def test_a_part_that_is_not_there_is_refused(catalogue):
    with pytest.raises(UnknownPartError, match="did you mean 'rk4'"):
        fit_table(catalogue, {"solver": "rk5"})
