"""What a new distribution's things are called."""

import ast

import pytest

from genpolicy.discovery.spec import KINDS
from genpolicy.errors import UsageError
from genpolicy.scaffold import files_of, kinds_of, names_of


def test_names_follow_from_the_parts():
    names = names_of("one-step")
    assert names.part == "one-step"
    assert names.distribution == "genpolicy-one-step"
    assert names.package == "genpolicy_one_step"
    assert names.class_name == "OneStep"
    assert names.full_name == "genpolicy-one-step/one-step"


@pytest.mark.parametrize("name", ["genpolicy-drift", "genpolicy_drift", "genpolicy.drift"])
def test_the_name_of_the_distribution_will_do(name):
    assert names_of(name) == names_of("drift")


@pytest.mark.parametrize("name", ["a.b_c-d", "3d", "2-step", "none", "class", "x", "a--b"])
def test_identifiers_are_valid_whatever_the_name(name):
    names = names_of(name)
    assert names.part == name
    assert names.package.isidentifier()
    ast.parse(f"class {names.class_name}: ...")


@pytest.mark.parametrize("name", ["critic", "tensor", "value", "loss", "exception", "flow-map"])
def test_a_class_never_hides_one_that_its_module_uses(name):
    names = names_of(name)
    for path, text in files_of(names, KINDS).items():
        if path.startswith(names.package) and path.endswith(".py"):
            tree = ast.parse(text)
            made = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
            used = {
                alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
            }
            assert not made & used, path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Drift", "such as 'drift'"),
        ("my drift", "such as 'my-drift'"),
        ("dpm-solver++", "such as 'dpm-solver'"),
        ("pointmaze/umaze", "such as 'pointmaze-umaze'"),
        ("-drift", "such as 'drift'"),
        ("genpolicy-", "such as 'drift'"),
        ("", "such as 'drift'"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused_with_one_that_can(name, words):
    with pytest.raises(UsageError, match="lower-case letters and digits") as caught:
        names_of(name)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["plugins", "genpolicy-cli"])
def test_the_names_of_our_own_packages_are_refused(name):
    with pytest.raises(UsageError, match="is a package of genpolicy itself"):
        names_of(name)


def test_kinds_come_once_and_in_order():
    assert kinds_of(["objective", "backbone", "objective"]) == ("backbone", "objective")


def test_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="no kind of part called 'bakbone'; did you mean 'backb"):
        kinds_of(["backbone", "bakbone"])
