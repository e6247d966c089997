import pytest

from genpolicy.composition.describe import describe_part
from genpolicy.errors import BrokenPartError


def described(catalogue, kind, name):
    return describe_part(catalogue, catalogue.find(kind, name))


def test_a_backbone_says_what_it_can_do_most_particular_first(catalogue):
    abilities = described(catalogue, "backbone", "flow").abilities
    assert abilities == (
        "travels on a known Gaussian path (GaussianPathBackbone)",
        "knows its velocity and its path (DenoiserBackbone)",
        "knows its velocity (VelocityBackbone)",
        "knows its path (PathBackbone)",
        "is any generative model (Backbone)",
    )


@pytest.mark.parametrize(
    ("kind", "name", "need"),
    [
        ("objective", "gmpo", "critic that estimates the value of an observation (ValueCritic)"),
        ("solver", "rk4", "policy that knows its velocity (VelocityBackbone)"),
        ("inference", "sample", "solver that turns noise into samples (Solver)"),
    ],
)
def test_a_part_says_what_it_needs(catalogue, kind, name, need):
    assert need in described(catalogue, kind, name).needs


@pytest.mark.parametrize(
    ("kind", "name", "method"),
    [
        ("solver", "unable", "sample"),
        ("inference", "motionless", "act"),
        ("critic", "untaught", "loss"),
    ],
)
def test_a_part_without_the_method_that_makes_it_one_is_broken(fakes, kind, name, method):
    with pytest.raises(BrokenPartError) as caught:
        described(fakes, kind, name)
    assert str(caught.value) == (f"{name} defines no method {method!r}, and cannot work without it")


def test_an_objective_lists_its_stages_and_options(catalogue):
    description = described(catalogue, "objective", "gmpg")
    assert [stage.name for stage in description.stages] == ["behaviour", "critic", "policy"]
    (beta,) = [option for option in description.options if option.name == "beta"]
    assert beta.default == 4.0
    assert "inverse temperature" in beta.help
    assert not description.brings


def test_an_objective_lists_the_parts_that_it_is_known_with(catalogue):
    brings = described(catalogue, "objective", "fql").brings
    assert brings["student.backbone"] == "one-step"
    assert brings["critic.aggregate"] == "mean"
