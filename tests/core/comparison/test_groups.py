"""Runs by what they have in common."""

import pytest

from genpolicy.comparison.footing import comparable
from genpolicy.comparison.groups import compared
from genpolicy.errors import UsageError


def groups(runs, *by):
    return compared(comparable(runs), by or ("objective", "backbone"))


def seeds_of(objective, number, run, **changes):
    return [run(objective, seed=seed, **changes) for seed in range(number)]


def test_rows_are_told_apart_by_parts_and_columns_by_dataset(run):
    runs = [run(), run(backbone="diffusion"), run("gmpo"), run(dataset="hall")]
    found = groups(runs)
    assert found.datasets == ("hall", "maze")
    assert [group.values for group in found.groups] == [
        ("genpolicy/bc", "genpolicy/diffusion"),
        ("genpolicy/bc", "genpolicy/flow"),
        ("genpolicy/gmpo", "genpolicy/flow"),
    ]
    assert [[*group.cells] for group in found.groups] == [["maze"], ["hall", "maze"], ["maze"]]
    assert found.groups[1].label == "bc,flow"


def test_a_part_that_a_run_has_not_is_none_and_slots_are_keys_too(run):
    student = {"objective": "genpolicy/fql", "student.backbone": "genpolicy/one-step"}
    runs = [run(), run("fql", parts=student)]
    found = groups(runs, "objective", "student.backbone")
    assert [group.values[1] for group in found.groups] == [None, "genpolicy/one-step"]


def test_seeds_are_counted_once_and_recipes_that_a_row_merges_are_said(run):
    runs = [*seeds_of("bc", 5, run, recipe="a"), *seeds_of("bc", 3, run, recipe="b")]
    found = groups(runs)
    ((cell,),) = [group.cells.values() for group in found.groups]
    assert (cell.seeds, cell.recipes, len(cell.sample.values)) == (5, 2, 8)
    assert found.remarks == (
        "1 row merges runs of different recipes; --by objective,backbone,recipe tells them apart",
    )
    apart = groups(runs, "objective", "recipe")
    assert [group.values[1] for group in apart.groups] == ["a00000", "b00000"]
    assert apart.remarks == ()


def test_fewer_than_five_seeds_deserve_one_warning(run, reference):
    runs = [*seeds_of("bc", 5, run), *seeds_of("gmpo", 4, run), run("iql"), reference()]
    assert groups(runs).warnings == (
        "fewer than five seeds: gmpo,flow (4 seeds), iql,flow (1 seed); intervals over so few are "
        "rough",
    )
    assert groups(seeds_of("bc", 5, run)).warnings == ()


def test_reference_policies_are_rows_beside_objectives_alone(run, reference):
    runs = [run(), reference()]
    found = groups(runs)
    first, _ = found.groups
    assert (first.values, first.reference) == (("(expert)", None), True)
    assert first.cells["maze"].seeds == 0
    assert [group.values for group in groups(runs, "backbone").groups] == [("genpolicy/flow",)]


def test_a_dataset_with_nothing_but_reference_policies_is_passed_over(run, reference):
    found = groups([run(), reference(), reference(dataset="hall")])
    assert found.datasets == ("maze",)
    assert found.remarks == ("passed over, with reference policies alone: hall",)
    assert groups([reference(dataset="hall")]).datasets == ("hall",)


def test_groups_that_lack_a_dataset_are_not_complete_and_it_is_said(run):
    runs = [run(), run(dataset="hall"), run("gmpo"), run("iql", dataset="hall")]
    found = groups(runs)
    assert [group.label for group in found.complete] == ["bc,flow"]
    assert found.remarks == (
        "not taken over all 2 datasets: gmpo,flow (lacks hall); iql,flow (lacks maze)",
    )


@pytest.mark.parametrize(
    ("by", "sentence"),
    [
        (("objectiv",), "runs cannot be grouped by 'objectiv'; did you mean 'objective'?"),
        (("seed",), "runs cannot be grouped by 'seed'; there are: backbone, critic, inference"),
        (("objective", "objective"), "runs are grouped by different keys, such as objective,back"),
    ],
)
def test_keys_that_are_none_are_refused(run, by, sentence):
    with pytest.raises(UsageError) as raised:
        groups([run()], *by)
    assert sentence in str(raised.value)


def test_no_keys_are_refused(run):
    with pytest.raises(UsageError, match="runs are grouped by different keys"):
        compared(comparable([run()]), ())
