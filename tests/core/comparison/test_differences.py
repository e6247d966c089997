import attrs
import pytest

from genpolicy.comparison.differences import Difference, differences
from genpolicy.records import DatasetRecord, RunStart


def run(hash="a", chosen=("objective",), train=None, **parts):
    named = {slot: part if isinstance(part, tuple) else (part, {}) for slot, part in parts.items()}
    return RunStart(
        id="r1",
        seed=0,
        recipe={
            "parts": {slot: {"name": n, "options": o} for slot, (n, o) in named.items()},
            "train": train or {},
        },
        recipe_hash=hash * 64,
        origins=dict.fromkeys(chosen, "command line") | {"solver": "recipe quick"},
        parts=(),
        dataset=DatasetRecord(name="maze", fingerprint="f", transitions=1, episodes=1),
        directory="",
        device="cpu",
        versions={},
        host={},
    )


def words(*runs):
    return [[(told.key, told.value) for told in each] for each in differences(runs)]


def test_one_recipe_is_told_by_its_objective():
    assert differences([run(objective="genpolicy/gmpg", backbone="genpolicy/flow")]) == [
        (Difference("objective", "genpolicy/gmpg"),)
    ]


def test_what_follows_from_the_objective_is_not_told():
    gmpg = run("a", objective=("gmpg", {"beta": 5.0}), solver="midpoint", critic="iql")
    bc = run("b", objective=("bc", {"steps": 10}), solver="euler")
    assert words(gmpg, bc) == [[("objective", "gmpg")], [("objective", "bc")]]


def test_what_somebody_chose_is_told_beside_the_objective():
    one = run("a", objective="gmpg", backbone="flow")
    other = run("b", ("objective", "backbone"), objective="bc", backbone="diffusion")
    assert words(one, other) == [
        [("objective", "gmpg"), ("backbone", "flow")],
        [("objective", "bc"), ("backbone", "diffusion")],
    ]


def test_options_are_told_between_recipes_with_the_same_part():
    chosen = ("objective.beta",)
    runs = [run(str(b), chosen, objective=("gmpg", {"beta": b})) for b in (1.0, 2.0)]
    bc = run("b", chosen, objective=("bc", {}))
    assert words(*runs, bc) == [
        [("objective", "gmpg"), ("objective.beta", 1.0)],
        [("objective", "gmpg"), ("objective.beta", 2.0)],
        [("objective", "bc")],
    ]


def test_a_default_that_differs_is_told_where_nothing_else_does():
    runs = [run(str(n), objective="bc", train={"looks": n, "ema": 0.0}) for n in (1, 2)]
    assert words(*runs) == [
        [("objective", "bc"), ("train.looks", 1)],
        [("objective", "bc"), ("train.looks", 2)],
    ]


def test_a_part_that_only_one_recipe_has_is_told_where_nothing_else_differs():
    runs = [run("a", objective="x", critic="iql"), run("b", objective="x")]
    assert words(*runs) == [
        [("objective", "x"), ("critic", "iql")],
        [("objective", "x"), ("critic", None)],
    ]


@pytest.mark.parametrize("parts", [{"objective": "bc"}, {}])
def test_recipes_that_read_the_same_are_told_by_their_hash(parts):
    one, other = run("a", **parts), run("b", **parts)
    assert [told[-1] for told in words(one, other)] == [("recipe", "aaaaaa"), ("recipe", "bbbbbb")]
    assert len(differences([attrs.evolve(one)])[0]) == len(parts)
