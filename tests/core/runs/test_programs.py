"""Which runs of a grid train as one program, and what is said of the others."""

import itertools

import attrs
import pytest
import torch

from genpolicy.runs.programs import Programs, programs_of, varied, varied_options
from objectives import options

CPU = torch.device("cpu")


@pytest.fixture
def grid(small_recipe):
    """Return the recipes of a grid: every combination of values, with each seed."""

    def make(objective, seeds=1, **values):
        names = [name.replace("__", ".") for name in values]
        points = [
            [f"{name}={value}" for name, value in zip(names, point, strict=True)]
            for point in itertools.product(*(each.split(",") for each in values.values()))
        ]
        solver = ["solver=jump"] if objective == "iql" else []
        return [
            small_recipe(objective, *options(objective, 2), *solver, *point, seed=seed)
            for point in points
            for seed in range(seeds)
        ]

    return make


def sizes(found):
    return [len(each) for each in found.recipes]


def test_numbers_that_enter_losses_and_options_that_only_act_share_a_program(grid, make_dataset):
    recipes = grid("gmpo", 2, objective__beta="1,2", inference__temperature="0.5,1")
    found = programs_of(recipes, make_dataset(), CPU)
    assert found.recipes == (tuple(recipes),)
    assert found.why is None
    assert varied(recipes) == ("objective.beta", "inference.temperature")


@pytest.mark.parametrize(
    ("option", "values", "why"),
    [
        ("train__ema", "0,0.9", "train.ema says how all of a program train"),
        ("objective__policy_steps", "2,3", "objective.policy_steps changes the stages"),
        ("objective__policy_learning_rate", "1e-3,1e-4", "policy_learning_rate changes the stages"),
        ("critic__layer_norm", "on,off", "critic.layer_norm cannot differ within one: the weights"),
        ("backbone__sigma", "0,0.1", "backbone.sigma cannot differ within one: the loss that"),
    ],
)
def test_an_option_that_shapes_a_program_has_one_per_value(option, values, why, grid, make_dataset):
    found = programs_of(
        grid("gmpo", 2, objective__beta="1,2", **{option: values}), make_dataset(), CPU
    )
    assert sizes(found) == [4, 4]
    assert why in found.why
    for recipes in found.recipes:
        assert varied(recipes) == ("objective.beta",)


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_a_precision_is_no_reason_to_train_apart(precision, grid, make_dataset):
    recipes = grid("gmpo", 2, train__precision=precision)
    assert programs_of(recipes, make_dataset(), CPU) == Programs((tuple(recipes),), None)


def test_what_cannot_be_batched_says_why(grid, make_dataset, small_recipe):
    data = make_dataset()
    found = programs_of(grid("bc", 2, backbone="ot-flow", train__log_every="1,2"), data, CPU)
    assert sizes(found) == [1] * 4
    found = programs_of(grid("bc", 2, backbone="ot-flow"), data, CPU)
    assert found.why.startswith("the loss that trains 'policy' cannot: ")
    compiled = programs_of(grid("bc", 2, train__compile="on"), data, CPU)
    assert sizes(compiled) == [1, 1]
    assert compiled.why.endswith("the step of one (--compile off trains them together)")
    online = small_recipe("iql", *options("iql", 2), "solver=jump", "train.online_steps=4")
    both = [online, attrs.evolve(online, seed=1)]
    assert programs_of(both, data, CPU).why == "each acts in an environment of its own"


def test_recipes_of_other_parts_have_no_common_options(small_recipe):
    recipes = [small_recipe("gmpo"), small_recipe("iql", "solver=jump")]
    assert varied_options(recipes) == ()


def test_asking_changes_no_random_number(grid, make_dataset):
    recipes, data = grid("iql", 2, critic__expectile="0.5,0.9"), make_dataset()
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    programs_of(recipes, data, CPU)
    assert torch.equal(torch.rand(4), expected)
