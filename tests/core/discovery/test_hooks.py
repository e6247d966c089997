"""What a plugin answers, checked hook by hook."""

import types

import pytest

from genpolicy import PartSpec, hookimpl
from genpolicy.discovery import API_VERSION, HOOKS, KINDS, Catalogue
from genpolicy.errors import UnknownPartError


def part(name, **fields):
    return PartSpec(name=name, summary="a test", target="nowhere:Thing", **fields)


def plugin(*, mark=hookimpl, **answers):
    module = types.ModuleType("given")
    for hook, answer in answers.items():
        setattr(module, hook, mark(answer if callable(answer) else lambda answer=answer: answer))
    return module


def catalogue(**hooks):
    return Catalogue.from_plugins({"foo": plugin(**hooks)})


def only_problem(found):
    (problem,) = found.problems()
    assert problem.startswith("plugin foo 0 ")
    assert "pip install" in problem
    return problem


def test_every_kind_has_a_hook_that_provides_it():
    for hook, kind in HOOKS.items():
        assert catalogue(**{hook: [part("drift")]}).names(kind) == ("drift",)
    assert tuple(HOOKS.values()) == KINDS


def test_a_hook_may_be_a_generator():
    def generate():
        yield part("drift")
        yield part("drain")

    found = catalogue(genpolicy_backbones=generate)
    assert found.names("backbone") == ("drift", "drain")
    assert found.plugins[0].state == "ok"


def test_a_hook_may_provide_nothing():
    assert catalogue(genpolicy_backbones=[]).problems() == []


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "returns None from"),
        ("drift", "returns 'drift' of type str from"),
        (7, "returns 7 of type int from"),
        (part("drift"), "of type PartSpec from"),
    ],
)
def test_a_hook_that_returns_no_list_is_refused(returned, words):
    def hook():
        return returned

    problem = only_problem(catalogue(genpolicy_backbones=hook))
    assert words in problem
    assert "genpolicy_backbones instead of a list of PartSpec" in problem


def test_an_element_that_is_no_spec_is_named_and_the_others_stay():
    found = catalogue(genpolicy_backbones=[part("drift"), "flow", part("drain")])
    assert "at position 1, 'flow' of type str instead of a PartSpec" in only_problem(found)
    assert found.names("backbone") == ("drift", "drain")
    assert found.plugins[0].state == "partial"


def test_a_misspelt_hook_is_caught_and_the_good_ones_stay():
    found = catalogue(genpolicy_backbone=[part("drift")], genpolicy_solvers=[part("jump")])
    problem = only_problem(found)
    assert "unknown hook 'genpolicy_backbone'; did you mean 'genpolicy_backbones'?" in problem
    assert found.names("solver") == ("jump",)


def test_a_hook_meant_for_another_version_may_be_marked_optional():
    def mark(function):
        return hookimpl(function, optionalhook=True)

    found = catalogue(mark=mark, genpolicy_holodecks=[])
    assert found.problems() == []


def test_a_hook_without_the_mark_is_caught():
    found = catalogue(mark=lambda function: function, genpolicy_backbones=[part("drift")])
    assert "defines genpolicy_backbones without the mark @hookimpl" in only_problem(found)


def test_a_hook_that_wants_arguments_is_refused():
    def hook(config):
        return []

    assert "has a hook that cannot be called" in only_problem(catalogue(genpolicy_solvers=hook))


def test_a_hook_that_wraps_others_is_refused():
    def wrapper():
        return (yield)

    found = catalogue(mark=hookimpl(wrapper=True), genpolicy_solvers=wrapper)
    assert "wraps the hook genpolicy_solvers" in only_problem(found)


def test_a_part_for_a_newer_plugin_api_asks_for_a_newer_program():
    new = API_VERSION + 1
    found = catalogue(genpolicy_backbones=[part("drift", api_version=new), part("drain")])
    (problem,) = found.problems()
    assert problem == (
        f"plugin foo 0 needs a newer genpolicy: its backbone 'drift' was written for plugin API "
        f"{new}, this program speaks {API_VERSION}; upgrade it with `pip install -U genpolicy`"
    )
    assert found.names("backbone") == ("drain",)


def test_a_part_for_an_older_plugin_api_asks_for_a_newer_plugin():
    old = API_VERSION - 1
    problem = only_problem(catalogue(genpolicy_backbones=[part("drift", api_version=old)]))
    assert f"was written for plugin API {old}, this program speaks {API_VERSION}" in problem
    assert "upgrade it with `pip install -U foo`" in problem


def test_asking_for_a_refused_part_says_why():
    found = catalogue(genpolicy_backbones=[part("drift", api_version=API_VERSION + 1)])
    with pytest.raises(UnknownPartError, match="needs a newer genpolicy"):
        found.find("backbone", "drift")


def test_a_name_repeated_inside_one_plugin_is_kept_once():
    twice = [part("drift"), part("drain", aliases=("drift",)), part("drop")]
    found = catalogue(genpolicy_backbones=twice, genpolicy_solvers=[part("drift")])
    assert "two backbone parts that answer to 'drift'" in only_problem(found)
    assert found.names("backbone") == ("drift", "drop")
    assert found.names("solver") == ("drift",)


def test_nobody_else_can_take_the_full_name_of_one_of_our_own_parts():
    found = catalogue(genpolicy_backbones=[part("genpolicy/flow")])
    assert "calls a backbone 'genpolicy/flow', but names under genpolicy/" in only_problem(found)
    assert found.names("backbone") == ()


def test_an_object_that_cannot_even_be_printed_is_survived():
    class Unprintable:
        def __repr__(self):
            raise RuntimeError

    found = catalogue(genpolicy_backbones=[Unprintable()])
    assert "something of type Unprintable" in only_problem(found)


def test_a_user_who_interrupts_is_obeyed():
    def hook():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        catalogue(genpolicy_backbones=hook)
