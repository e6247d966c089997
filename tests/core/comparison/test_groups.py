"""Runs by what they have in common."""

import pytest

from genpolicy.comparison.footing import comparable
from genpolicy.comparison.groups import compared
from genpolicy.errors import UsageError


def groups(runs, *by):
    return compared(comparable(runs), by or ("objective", "backbone"))


def seeds_of(objective, number, run, **changes):
    return [run(objective, seed=seed, **changes) for seed in range(number)]


def student(run):
    parts = {"objective": "genpolicy/fql", "student.backbone": "genpolicy/one-step"}
    return run("fql", parts=parts)


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
    found = groups([run(), student(run)], "objective", "student.backbone")
    assert [group.values[1] for group in found.groups] == [None, "genpolicy/one-step"]


def test_rows_are_told_apart_by_options_in_the_order_of_numbers(run, reference):
    betas = (10.0, 2.0, 0.5)
    runs = [run(recipe=str(b), settings={"objective.beta": b}) for b in betas]
    runs += [run("iql", settings={"objective.limit": None, "objective.steps": [1, 2]}), reference()]
    found = groups(runs, "objective", "objective.beta")
    assert [group.label for group in found.groups] == [
        "(expert)",
        "bc,objective.beta=0.5",
        "bc,objective.beta=2",
        "bc,objective.beta=10",
        "iql",
    ]
    assert found.groups[1].values == ("genpolicy/bc", 0.5)
    assert "recipes" not in " ".join(found.remarks)
    other = groups(runs[:-1], "objective.limit", "objective.steps").groups
    assert [group.values for group in other] == [(None, None), ("none", (1, 2))]
    assert other[1].label == "objective.limit=none,objective.steps=1,2"


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
        (("objective.bta",), "grouped by 'objective.bta'; did you mean 'objective.beta'?"),
        (("studnt.backbone",), "'studnt.backbone'; did you mean 'student.backbone'?"),
        (("dataset",), "runs cannot be grouped by 'dataset'; there are: backbone, critic"),
        (("objective", "objective"), "runs are grouped by different keys, such as objective,back"),
    ],
)
def test_keys_that_are_none_are_refused(run, by, sentence):
    with pytest.raises(UsageError) as raised:
        groups([run(settings={"dataset": "x", "objective.beta": 1.0}), student(run)], *by)
    assert sentence in str(raised.value)


def test_no_keys_are_refused(run):
    with pytest.raises(UsageError, match="runs are grouped by different keys"):
        compared(comparable([run()]), ())
