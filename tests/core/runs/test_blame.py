"""Which part an exception is blamed on."""

from types import SimpleNamespace

import attrs
import pytest
import torch

from genpolicy.composition.agent_recipe import Chosen
from genpolicy.discovery import PartEntry, PartSpec
from genpolicy.errors import DivergedError, RunError, StoppedError, UsageError
from genpolicy.recipe import Recipe
from genpolicy.runs.blame import blame, explain, in_words

UPGRADE = "; upgrade it with `pip install -U stray` or remove it with `pip uninstall stray`"


def fail(error):
    raise error


@attrs.frozen(kw_only=True)
class Aim(Recipe):
    def work(self, error):
        raise error

    def call(self, other, error):
        other.work(error)


@attrs.frozen(kw_only=True)
class Shape(Recipe):
    def work(self, error):
        raise error


def chosen(kind, recipe, distribution="stray"):
    spec = PartSpec(name=f"my-{kind}", summary="s", target="stray.parts:Part")
    entry = PartEntry(kind=kind, spec=spec, distribution=distribution, version="1.0")
    return Chosen(entry, recipe)


@pytest.fixture
def runner(tmp_path):
    parts = {"objective": chosen("objective", Aim()), "backbone": chosen("backbone", Shape())}
    return SimpleNamespace(
        recipe=SimpleNamespace(chosen=parts),
        folder=tmp_path,
        learner=SimpleNamespace(step=3),
        total_steps=20,
    )


def caught(function, *arguments):
    with pytest.raises(BaseException) as info:  # noqa: PT011
        function(*arguments)
    return info.value


def test_of_two_parts_in_one_module_the_one_at_work_is_named(runner):
    error = ValueError("no")
    aim, shape = Aim(), Shape()
    named = [
        blame(caught(aim.work, error), runner.recipe),
        blame(caught(shape.work, ValueError("no")), runner.recipe),
        blame(caught(aim.call, shape, ValueError("no")), runner.recipe),
    ]
    assert named == [
        ("objective 'my-objective' of stray 1.0", UPGRADE),
        ("backbone 'my-backbone' of stray 1.0", UPGRADE),
        ("backbone 'my-backbone' of stray 1.0", UPGRADE),
    ]


def test_where_the_module_is_all_that_is_known_the_distribution_is_named(runner):
    assert blame(caught(fail, ValueError("no")), runner.recipe) == ("a part of stray 1.0", UPGRADE)


def test_nobody_is_blamed_for_what_others_raise(runner):
    def inside():
        int("x")

    recipe = SimpleNamespace(chosen={})
    assert blame(caught(inside), recipe) is None
    assert blame(ValueError("never raised"), runner.recipe) is None


@pytest.mark.parametrize(
    ("error", "words"),
    [(ValueError("no\nway"), "ValueError: no"), (SystemExit(0), "it called sys.exit(0)")],
)
def test_what_a_part_raises_becomes_an_error_with_its_name_and_traceback(runner, error, words):
    found = explain(caught(Aim().work, error), runner)
    path = runner.folder / "traceback.txt"
    assert type(found) is RunError
    assert str(found) == (
        f"objective 'my-objective' of stray 1.0 failed at step 3 of 20 ({words}); its traceback is "
        f"in {path}{UPGRADE}"
    )
    assert "in work" in path.read_text()


def test_our_own_parts_get_no_advice_to_upgrade(runner):
    runner.recipe.chosen = {"objective": chosen("objective", Aim(), "genpolicy")}
    assert str(explain(caught(Aim().work, ValueError("no")), runner)).endswith("traceback.txt")


def test_a_loss_that_diverged_may_be_the_fault_of_foreign_parts(runner):
    error = DivergedError("the loss stopped being finite")
    found = explain(error, runner)
    assert type(found) is DivergedError
    assert str(found) == (
        "the loss stopped being finite; or the fault lies in objective 'my-objective' of stray 1.0 "
        "or backbone 'my-backbone' of stray 1.0, as `agent plugins check stray` may tell"
    )
    runner.recipe.chosen = {"objective": chosen("objective", Aim(), "genpolicy")}
    assert str(explain(error, runner)) == str(error)


@pytest.mark.parametrize("error", [StoppedError("stopped"), UsageError("no"), KeyboardInterrupt()])
def test_what_is_raised_on_purpose_stays_as_it_is(runner, error):
    assert explain(caught(Aim().work, error), runner) is error
    assert not (runner.folder / "traceback.txt").exists()


def test_an_error_raised_on_purpose_speaks_for_itself():
    assert in_words(UsageError("that cannot be")) == "that cannot be"
    assert in_words(ValueError("a\nb")) == "ValueError: a"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_no_part_is_blamed_for_a_lack_of_memory(runner, error):
    raised = caught(runner.recipe.chosen["objective"].recipe.work, error)
    explained = explain(raised, runner)
    assert isinstance(explained, RunError)
    assert str(explained) == (
        "memory ran out at step 3 of 20; take a smaller batch or network, or a device with more "
        f"memory; its traceback is in {runner.folder / 'traceback.txt'}"
    )
