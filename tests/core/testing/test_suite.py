"""The framework of the suites: skips, expected failures, seeds, and what is printed."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

import attrs
import pytest
import torch
from torch import Tensor, nn

from genpolicy import Objective, PartSpec, Stage, hookimpl
from genpolicy.backbone import BackboneRecipe, OneStepBackbone, SampleSpec, VelocityBackbone
from genpolicy.discovery import Catalogue
from genpolicy.network import NetworkRecipe
from genpolicy.recipe import Recipe, option
from genpolicy.testing import suite as suite_module
from genpolicy.testing.agents import shortened
from genpolicy.testing.running import Outcome, run_suite
from genpolicy.testing.suite import ExpectedFailure, Program, Suite, entry_of, needs


@attrs.frozen(kw_only=True)
class Part(BackboneRecipe):
    """A part of which no plugin knows."""

    steps: int = option(3, help="steps", ge=1)
    failing: str = option("", help="the check that it says it fails")
    reason: str = option("it is made so", help="why")

    def expected_failures(self) -> Mapping[str, str]:
        return {self.failing: self.reason} if self.failing else {}

    def build(self, spec: SampleSpec, network: NetworkRecipe) -> OneStepBackbone:
        raise NotImplementedError


class Small(Suite):
    """A suite of three checks."""

    kind: ClassVar[str] = "backbone"

    def program(self, part: Recipe) -> Program | None:
        return None

    def test_it_holds(self, part: Part) -> None:
        """All the rest rests on it.

        This paragraph is for those who read the source.
        """

    def test_it_breaks(self, part: Part) -> None:
        """Somebody must break."""
        assert part.steps < 0, f"{part.steps} steps are not fewer than 0"

    @needs(VelocityBackbone)
    def test_it_flows(self, part: Part) -> None:
        """What flows is solved."""
        raise NotImplementedError


class Running(Small):
    """The same with a program, of one weight."""

    run: ClassVar[Any] = staticmethod(lambda weight: weight * torch.ones(2))

    def program(self, part: Recipe) -> Program:
        module = nn.Linear(1, 2)
        return Program({"model": module}, lambda: self.run(module.bias))


def _outcomes(part: Part, suite: type[Suite] = Small) -> dict[str, Outcome]:
    return {outcome.check: outcome for outcome in run_suite(suite, part)}


def test_checks_come_in_the_order_in_which_they_are_written_the_shared_ones_first() -> None:
    names = Small.checks()
    assert names[0] == "test_every_expected_failure_is_a_check_and_has_a_reason"
    assert names[-3:] == ("test_it_holds", "test_it_breaks", "test_it_flows")
    assert [*_outcomes(Part())] == [n.removeprefix("test_").replace("_", " ") for n in names]


def test_an_outcome_says_what_failed_and_why_it_matters() -> None:
    outcome = _outcomes(Part())["it breaks"]
    assert outcome.state == "failed"
    assert outcome.detail.startswith("3 steps are not fewer than 0")
    assert outcome.why == "Somebody must break."
    assert "test_it_breaks" in outcome.traceback
    assert _outcomes(Part())["it holds"] == Outcome(
        check="it holds", state="passed", why="All the rest rests on it."
    )


def test_a_check_of_an_ability_that_build_does_not_promise_does_not_concern_the_part() -> None:
    outcome = _outcomes(Part())["it flows"]
    assert outcome.state == "not concerned"
    assert outcome.detail == "OneStepBackbone is no VelocityBackbone"


def test_a_part_of_no_plugin_is_not_asked_what_listing_it_imports() -> None:
    outcome = _outcomes(Part())["listing it imports nothing heavy"]
    assert (outcome.state, outcome.detail) == ("skipped", "no installed distribution provides it")


def test_an_expected_failure_is_none() -> None:
    outcome = _outcomes(Part(failing="it_breaks"))["it breaks"]
    assert (outcome.state, outcome.detail) == ("expected", "expected to fail: it is made so")
    with pytest.raises(ExpectedFailure):
        Small().test_it_breaks(Part(failing="it_breaks"))


def test_an_unexpected_pass_fails() -> None:
    outcome = _outcomes(Part(failing="it_holds"))["it holds"]
    assert outcome.state == "failed"
    assert outcome.detail == "it passes, though expected to fail because 'it is made so'"


def test_an_unexpected_pass_fails_in_a_check_that_overrides_another_too() -> None:
    class Overriding(Small):
        def test_it_holds(self, part: Part) -> None:
            super().test_it_holds(part)

    outcome = _outcomes(Part(failing="it_holds"), Overriding)["it holds"]
    assert outcome.state == "failed"
    assert outcome.detail == "it passes, though expected to fail because 'it is made so'"


def test_a_part_that_exits_may_be_expected_to_fail() -> None:
    class Exiting(Small):
        def test_it_exits(self, part: Part) -> None:
            """Nothing should."""
            sys.exit(0)

    assert _outcomes(Part(), Exiting)["it exits"].state == "failed"
    assert _outcomes(Part(failing="it_exits"), Exiting)["it exits"].state == "expected"


def test_a_skip_is_no_pass_that_nobody_expected() -> None:
    assert _outcomes(Part(failing="it_flows"))["it flows"].state == "not concerned"


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (
            Part(failing="it_bends"),
            "there is no check 'it_bends' to fail; did you mean 'it_breaks'?",
        ),
        (Part(failing="it_breaks", reason=" "), "'it_breaks' is expected to fail without a reason"),
    ],
)
def test_an_expected_failure_names_a_check_and_has_a_reason(part: Part, sentence: str) -> None:
    name = "every expected failure is a check and has a reason"
    outcome = _outcomes(part)[name]
    assert (outcome.state, outcome.detail) == ("failed", sentence)
    assert _outcomes(Part(failing="it_breaks"))[name].state == "passed"


def test_a_check_of_a_subclass_is_guarded_as_well() -> None:
    class More(Small):
        def test_it_draws(self, part: Part) -> None:
            """Every check starts with the same seed."""
            assert float(torch.rand(())) == drawn

        def test_it_stops(self, part: Part) -> None:
            """Not everything concerns everyone."""
            self.skip("there is nothing to stop")

    torch.manual_seed(0)
    drawn = float(torch.rand(()))
    outcomes = _outcomes(Part(), More)
    assert outcomes["it draws"].state == "passed"
    assert outcomes["it stops"].detail == "there is nothing to stop"


def test_an_error_is_named_by_its_class() -> None:
    class Raising(Small):
        def test_it_raises(self, part: Part) -> None:
            """Nothing should."""
            raise KeyError("velocity")

    outcome = _outcomes(Part(), Raising)["it raises"]
    assert (outcome.state, outcome.detail) == ("failed", "KeyError: 'velocity'")


def test_a_program_may_be_none() -> None:
    with pytest.raises(SkipTest, match="it computes nothing that is repeated"):
        Small().test_it_compiles_as_one_graph(Part())


def _seeding(weight: Tensor) -> Tensor:
    torch.manual_seed(4)
    return weight * torch.randn(2)


def _changing_the_type(weight: Tensor) -> Tensor:
    torch.set_default_dtype(torch.float64)
    return weight * 2.0


@pytest.fixture
def default_dtype() -> Iterator[None]:
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        (_seeding, "it seeds torch's global random numbers"),
        (_changing_the_type, "it changes torch's default dtype"),
    ],
)
@pytest.mark.usefixtures("default_dtype")
def test_a_program_that_changes_its_surroundings_is_caught(program: Any, sentence: str) -> None:
    class Rude(Running):
        run = staticmethod(program)

    with pytest.raises(AssertionError, match=sentence):
        Rude().test_it_leaves_the_process_as_it_was(Part())


def test_what_reads_a_value_does_not_run_for_several_seeds() -> None:
    class Broken(Running):
        run = staticmethod(lambda weight: weight * weight[0].item())

    with pytest.raises(RuntimeError, match="item"):
        Broken().test_it_runs_for_several_seeds_at_once(Part())
    Running().test_it_runs_for_several_seeds_at_once(Part())


def test_seeds_that_share_their_weights_are_caught() -> None:
    """A list that holds a weight's tensor keeps it when the weight is exchanged for others."""

    class Alias(Running):
        def program(self, part: Recipe) -> Program:
            module = nn.Linear(1, 2)
            kept = [module.bias]
            return Program({"model": module}, lambda: kept[0] * module.weight[:, 0])

    with pytest.raises(AssertionError, match="a seed computes something else beside others"):
        Alias().test_it_runs_for_several_seeds_at_once(Part())


@pytest.mark.parametrize(
    "program",
    [
        lambda weight: weight + torch.randn_like(weight) + torch.randint(1, 5, (2,)),
        lambda weight: nn.functional.dropout(weight),
        lambda weight: torch.normal(weight, 1.0),
    ],
)
def test_seeds_that_draw_noise_are_no_fewer_seeds(program: Any) -> None:
    class Noisy(Running):
        run = staticmethod(program)

    Noisy().test_it_runs_for_several_seeds_at_once(Part())


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        lambda weight: torch.randn(2)[:0].sum() + nn.functional.dropout(weight.expand(64, 2)),
        lambda weight: torch.randn(2)[:0].sum() + torch.normal(weight, 1.0),
    ],
)
def test_noise_that_nobody_reads_moves_no_other_noise(program: Any) -> None:
    """A graph leaves it out."""

    class Wasteful(Running):
        run = staticmethod(program)

    Wasteful().test_it_compiles_as_one_graph(Part())


@pytest.mark.slow
def test_a_graph_break_is_caught() -> None:
    class Broken(Running):
        run = staticmethod(lambda weight: weight * 2.0 if weight[0] > 0 else weight)

    with pytest.raises(Exception, match=r"[Dd]ata-dependent"):
        Broken().test_it_compiles_as_one_graph(Part())
    Running().test_it_compiles_as_one_graph(Part())


def test_options_without_help_or_that_do_not_survive_json_are_caught() -> None:
    @attrs.frozen(kw_only=True)
    class Silent(Recipe):
        steps: int = 3

    with pytest.raises(AssertionError, match="without help: steps"):
        Small().test_every_option_has_a_line_of_help(Silent())

    @attrs.frozen(kw_only=True)
    class Drifting(Recipe):
        steps: int = attrs.field(default=3, converter=lambda n: n + 1)

    with pytest.raises(AssertionError, match="comes back as"):
        Small().test_its_options_survive_json(Drifting())


def test_a_derived_value_needs_no_help_and_survives_json() -> None:
    @attrs.frozen(kw_only=True)
    class Derived(Recipe):
        steps: int = option(3, help="steps")
        _half: float = attrs.field(init=False, default=0.0)

        def __attrs_post_init__(self) -> None:
            object.__setattr__(self, "_half", self.steps / 2)

    Small().test_every_option_has_a_line_of_help(Derived())
    Small().test_its_options_survive_json(Derived(steps=4))


def test_an_objective_with_a_derived_value_can_be_shortened() -> None:
    @attrs.frozen(kw_only=True)
    class Derived(Objective):
        rate: float = option(1e-3, help="a rate")
        _half: float = attrs.field(init=False, default=0.0)

        def __attrs_post_init__(self) -> None:
            object.__setattr__(self, "_half", self.rate / 2)

        def stages(self) -> tuple[Stage, ...]:
            return (Stage(name="policy", steps=9, batch_size=9, learning_rates={"policy": 1.0}),)

    short = shortened(Derived(rate=0.5), steps=4, rows=2, rate=0.1)
    (stage,) = short.stages()
    assert (stage.steps, stage.batch_size, stage.learning_rates) == (4, 2, {"policy": 0.1})
    assert (short.rate, short._half) == (0.5, 0.25)


PACKAGE = {
    "__init__.py": "from reexported.part import Example",
    "part.py": """
import torch, attrs
from genpolicy import Recipe

@attrs.frozen(kw_only=True)
class Example(Recipe):
    pass
""",
    "light.py": """
import atexit
print("hello from a plugin")
atexit.register(print, "torch")
""",
    "leaving.py": "raise SystemExit(0)",
    "slow.py": "import time; time.sleep(60)",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A plugin whose package imports the part's class, and a target that names it there."""

    class Plugin:
        @hookimpl
        def genpolicy_solvers(self) -> list[PartSpec]:
            return [PartSpec(name="example", summary="one", target="reexported:Example")]

    folder = tmp_path / "reexported"
    folder.mkdir()
    for name, text in PACKAGE.items():
        (folder / name).write_text(text)
    for name in ("light", "leaving", "slow"):
        (folder / f"{name}.py").rename(tmp_path / f"{name}.py")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    catalogue = Catalogue.from_plugins({"reexported": Plugin()})
    monkeypatch.setattr(suite_module, "load_catalogue", lambda: catalogue)
    suite_module._heavy_modules.cache_clear()
    yield
    for name in ("reexported", "reexported.part"):
        sys.modules.pop(name, None)


@pytest.mark.slow
@pytest.mark.usefixtures("package")
def test_a_part_is_known_by_its_class_wherever_the_target_names_it() -> None:
    from reexported.part import Example  # type: ignore[import-not-found]

    entry = entry_of(Example())
    assert entry is not None
    assert entry.spec.name == "example"
    with pytest.raises(AssertionError, match="importing reexported imports torch"):
        Small().test_listing_it_imports_nothing_heavy(Example())


@pytest.mark.usefixtures("package")
def test_what_a_plugin_prints_is_not_what_it_imports() -> None:
    assert suite_module._heavy_modules("light") == ""


@pytest.mark.usefixtures("package")
def test_a_plugin_that_cannot_be_listed_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="importing leaving fails"):
        suite_module._heavy_modules("leaving")
    monkeypatch.setattr(suite_module, "_PATIENCE", 0.5)
    with pytest.raises(AssertionError, match=r"importing slow takes over 0\.5 seconds"):
        suite_module._heavy_modules("slow")
