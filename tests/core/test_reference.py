import math
from collections.abc import Callable

import attrs
import pytest

from genpolicy.dataset import Dataset, DatasetRecipe, EnvironmentSpec, Reference
from genpolicy.errors import DataError, OptionError

DataMaker = Callable[..., Dataset]
OWN = Reference(random_return=1.0, expert_return=2.0, source="its makers")
HOPPER = EnvironmentSpec(id="Hopper-v5", horizon=9)


def test_a_reference_whose_returns_are_the_same_is_refused():
    with pytest.raises(DataError, match=r"that differ; both are 3\.0 \(source: a paper\)"):
        Reference(random_return=3.0, expert_return=3.0, source="a paper")


def test_the_refusal_says_what_would_do():
    with pytest.raises(DataError, match=r"source: not given\); correct one of them, or leave"):
        Reference(random_return=0.0, expert_return=-0.0, source="")


@pytest.mark.parametrize("expert", [math.nextafter(3.0, 4.0), -900.0])
def test_returns_that_differ_make_a_reference(expert):
    assert Reference(random_return=3.0, expert_return=expert, source="us").expert_return == expert


@pytest.fixture
def recipe(make_dataset: DataMaker) -> type[DatasetRecipe]:
    """Data that know a reference of their own."""
    data = attrs.evolve(make_dataset(), environment=HOPPER, reference=OWN)

    @attrs.frozen(kw_only=True)
    class Known(DatasetRecipe):
        def load(self) -> Dataset:
            return data

    return Known


def test_data_keep_their_own_reference_unless_the_user_names_another(
    recipe: type[DatasetRecipe],
) -> None:
    assert recipe().prepare().reference == OWN
    named = recipe(random_return=-3.5, expert_return=7.0).prepare().reference
    assert named == Reference(random_return=-3.5, expert_return=7.0, source="given by the user")


def test_a_reference_that_the_user_names_is_of_the_environment_that_the_user_names(
    recipe: type[DatasetRecipe],
) -> None:
    elsewhere = recipe(environment="Walker2d-v5", random_return=0.0, expert_return=9.0).prepare()
    assert elsewhere.environment is not None
    assert elsewhere.environment.id == "Walker2d-v5"
    assert elsewhere.reference is not None
    assert elsewhere.reference.expert_return == 9.0
    assert recipe(environment="Walker2d-v5").prepare().reference is None


@pytest.mark.parametrize(("given", "missing"), [("random", "expert"), ("expert", "random")])
def test_one_return_alone_is_no_reference(
    recipe: type[DatasetRecipe], given: str, missing: str
) -> None:
    sentence = f"dataset.{given}_return is one end of the scale of scores; give the other one, "
    with pytest.raises(OptionError, match=f"{sentence}dataset.{missing}_return, too"):
        recipe(**{f"{given}_return": 0.0}).prepare()


def test_returns_of_the_user_that_are_the_same_are_refused(recipe: type[DatasetRecipe]) -> None:
    with pytest.raises(DataError, match=r"both are 4\.0 \(source: given by the user\)"):
        recipe(random_return=4.0, expert_return=4.0).prepare()
