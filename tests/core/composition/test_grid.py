from collections.abc import Callable, Sequence

import pytest

from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.grid import resolve_grid
from genpolicy.composition.layers import from_arguments
from genpolicy.discovery.catalogue import Catalogue
from genpolicy.errors import OptionError, UnknownPartError
from genpolicy.recipe_settings import flat

Grid = Callable[..., list[AgentRecipe]]


@pytest.fixture
def grid(catalogue: Catalogue) -> Grid:
    return lambda *typed: resolve_grid(catalogue, [from_arguments(typed)], recipe="none")


def _values(recipes: Sequence[AgentRecipe], *names: str) -> list[tuple[object, ...]]:
    return [tuple(flat(each.as_json())[name] for name in names) for each in recipes]


def test_commas_name_several_values_and_several_options_their_product(grid: Grid) -> None:
    found = grid("objective=gmpo", "objective.beta=1, 2,4", "critic.layer_norm=on,off")
    assert _values(found, "objective.beta", "critic.layer_norm") == [
        (beta, norm) for beta in (1.0, 2.0, 4.0) for norm in (True, False)
    ]


def test_choices_sections_and_roles_take_several_values(grid: Grid) -> None:
    found = grid(
        "objective=fql",
        "objective.normalise_q=on,off",
        "train.schedule=constant,cosine",
        "student.network.time_dim=8,16",
        "evaluation.episodes=5,6",
    )
    assert len(found) == 16
    assert len(set(_values(found, "train.schedule", "student.network.time_dim"))) == 4


def test_a_comma_in_a_list_is_the_lists(grid: Grid) -> None:
    (one,) = grid("objective=gmpo", "network=mlp", "network.hidden=16,32", "critic.hidden=[8,8]")
    assert _values([one], "network.hidden", "critic.hidden") == [([16, 32], [8, 8])]


def test_a_point_is_the_recipe_of_its_value_alone(grid: Grid) -> None:
    (alone,) = grid("objective=gmpo", "objective.beta=2")
    assert grid("objective=gmpo", "objective.beta=1,2")[1].hash() == alone.hash()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("objective.beta=1,,2", "objective.beta=1,,2 has an empty value; .* objective.beta=1,2"),
        ("objective.beta=1,", "has an empty value; .* such as objective.beta=1,2$"),
        ("critic.layer_norm=on,", "such as critic.layer_norm=on,off$"),
        ("train.schedule=,cosine", "such as train.schedule=[a-z]+,[a-z]+$"),
        ("objective.beta=1,2,1.0", "names 1.0 twice; each value is run once"),
        ("objective.beta=1,x", "objective.beta takes a number; got 'x'"),
        ("objective.beta=1,-2", "'beta' must be >= 0: -2.0"),
        ("objective.beta=[1,2]", r"takes a number; got '\[1,2\]'"),
        ("objective.bta=1,2", "has no option 'bta'; did you mean 'beta'"),
        ("guide.network.hidden=1,2", "has no place for 'guide.network'"),
    ],
)
def test_a_grid_that_cannot_be_meant_is_refused(typed: str, message: str, grid: Grid) -> None:
    with pytest.raises(OptionError, match=message):
        grid("objective=gmpo", typed)


@pytest.mark.parametrize(
    "typed", ["dataset=random:3,random", "critic=double-q,iql", "student.backbone=flow,flow"]
)
def test_names_of_parts_make_no_grid(typed: str, catalogue: Catalogue) -> None:
    slot, names = typed.split("=")
    layers = [from_arguments(["objective=fql", typed])]
    with pytest.raises(OptionError) as refused:
        resolve_grid(catalogue, layers, recipe="none")
    assert str(refused.value).startswith(f"{typed} names 2 parts, and a run has one of each kind; ")
    assert f"run the command once with {slot}={names.split(',')[0]}, and once" in str(refused.value)


def test_a_comma_in_a_name_that_is_none_of_several_parts_stays_in_it(catalogue: Catalogue) -> None:
    typed = from_arguments(["objective=bc", "dataset=random:3,2"])
    (one,) = resolve_grid(catalogue, [typed], recipe="none")
    assert flat(one.as_json())["dataset.sizes"] == [3, 2]
    with pytest.raises(UnknownPartError, match="provides dataset 'bimodal,nosuch'"):
        resolve_grid(catalogue, [from_arguments(["dataset=bimodal,nosuch"])], recipe="none")
