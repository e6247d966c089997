"""What the suites of all kinds share: how a check is run, and what holds for every part."""

import functools
import inspect
import json
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NoReturn, TypeVar
from unittest import SkipTest

import attrs
import torch
from torch import Tensor, nn

from genpolicy.composition.contract import provided_class
from genpolicy.discovery import Catalogue, PartEntry, load_catalogue
from genpolicy.discovery.loader import HEAVY
from genpolicy.errors import BrokenPartError, did_you_mean
from genpolicy.recipe import Recipe, make_recipe, options_of, recipe_values
from genpolicy.testing.draws import the_same_noise
from genpolicy.testing.surroundings import Surroundings

F = TypeVar("F", bound=Callable[..., None])

_PREFIX = "test_"
_MARK = "heavy modules:"
_HEAVY = """
import sys, {module}
print()
print({mark!r}, *[name for name in {names} if name in sys.modules])
"""
_PATIENCE = 60  # seconds that a plugin may take to be imported


class ExpectedFailure(SkipTest):
    """A check failed, as the part says that it does."""


class UnexpectedPassError(AssertionError):
    """A check passed, though the part says that it fails."""


class NotConcerned(SkipTest):
    """A check is about an ability that the part does not have."""


@attrs.frozen(eq=False)
class Program:
    """A computation of a part that training or acting repeats.

    Args:
        models: The models whose weights it reads.
        run: The computation, from tensors that do not change; returns one tensor of floats.
    """

    models: Mapping[str, nn.Module]
    run: Callable[[], Tensor]


def needs(*abilities: type) -> Callable[[F], F]:
    """Mark a check that concerns parts of these abilities alone, by what ``build`` promises."""

    def mark(check: F) -> F:
        check.abilities = abilities  # type: ignore[attr-defined]
        return check

    return mark


class Suite(ABC):
    """The checks of one kind; subclass it in a test module and define the fixture ``part``.

    Every check begins with the same seed. One that the part's ``expected_failures`` name must fail.
    """

    kind: ClassVar[str]
    """The kind of part."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _guard_checks(cls)

    @classmethod
    def checks(cls) -> tuple[str, ...]:
        """Return the names of all checks in the order in which they are written."""
        order = [name for base in reversed(cls.__mro__) for name in vars(base)]
        return tuple(dict.fromkeys(name for name in order if name.startswith(_PREFIX)))

    @abstractmethod
    def program(self, part: Any) -> Program | None:
        """Return what the part computes again and again, on a few rows; None if nothing."""

    def test_every_expected_failure_is_a_check_and_has_a_reason(self, part: Recipe) -> None:
        """An exception that names no check hides nothing and only misleads."""
        known = [check.removeprefix(_PREFIX) for check in self.checks()]
        for name, reason in part.expected_failures().items():
            near = did_you_mean(name.replace(" ", "_"), known)
            assert name in known, f"there is no check {name!r} to fail{near}"
            assert reason.strip(), f"{name!r} is expected to fail without a reason"

    def test_listing_it_imports_nothing_heavy(self, part: Recipe) -> None:
        """Every command lists parts, `agent --help` too: importing torch there costs seconds."""
        entry = entry_of(part)
        if entry is None or entry.distribution.startswith("file:"):
            self.skip("no installed distribution provides it")
        for module in {plugin.module for plugin in _plugins_of(entry)}:
            heavy = _heavy_modules(module)
            assert not heavy, f"importing {module} imports {heavy}; keep its __init__.py empty"

    def test_its_options_survive_json(self, part: Recipe) -> None:
        """Runs and agents are stored as JSON and rebuilt from it."""
        stored = json.loads(json.dumps(recipe_values(part)))
        again = make_recipe(type(part), stored, who=type(part).__name__)
        assert again == part, f"{part} comes back as {again}"

    def test_every_option_has_a_line_of_help(self, part: Recipe) -> None:
        """`agent info` shows it, and it is all that most people read."""
        silent = [each.name for each in options_of(type(part)).values() if not each.help]
        assert not silent, f"without help: {', '.join(silent)}"

    def test_it_leaves_the_process_as_it_was(self, part: Recipe) -> None:
        """A part that seeds, or changes torch's defaults, changes every other part's results."""
        program = self._program(part)
        before = Surroundings.now()
        program.run()
        changed = before.changes()
        assert not changed, f"it changes {', '.join(changed)}"
        states = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            program.run()
            states.append(torch.get_rng_state())
        assert not torch.equal(*states), "it seeds torch's global random numbers"

    def test_it_compiles_as_one_graph(self, part: Recipe) -> None:
        """A compiled step is up to several times as fast; one graph break loses most of it."""
        program = self._program(part)
        torch._dynamo.reset()
        compiled = torch.compile(program.run, backend="aot_eager", fullgraph=True)
        outputs = []
        for run in (compiled, program.run):
            torch.manual_seed(0)  # dropout draws where no patch reaches
            with the_same_noise():  # a graph leaves out draws that nobody reads
                outputs.append(run())
        torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)

    def test_it_runs_for_several_seeds_at_once(self, part: Recipe) -> None:
        """Several seeds train as one batched program, under `torch.func.vmap`."""
        program = self._program(part)
        if not any(True for model in program.models.values() for _ in model.parameters()):
            self.skip("it has no weights of which there could be several")
        module = _Reading(program)
        state = _seeds(module, 3)
        found = _together(module, state)
        assert found.shape == (3, *program.run().shape), f"three seeds give {tuple(found.shape)}"
        assert torch.isfinite(found).all(), "it is not finite for every seed"
        with the_same_noise():
            together = _together(module, state)
            alone, again = _one_by_one(module, state), _one_by_one(module, state)
        if torch.equal(alone, again):  # else it draws noise that cannot be held still
            same = torch.isclose(together, alone, rtol=1e-3, atol=1e-5).all()
            assert same, "a seed computes something else beside others than alone with its weights"

    @staticmethod
    def skip(reason: str) -> NoReturn:
        """Say that a check does not concern a part, or cannot be made here."""
        raise SkipTest(reason)

    def _program(self, part: Recipe) -> Program:
        program = self.program(part)
        if program is None:
            raise NotConcerned("it computes nothing that is repeated")
        return program


def _guard_checks(suite: type) -> None:
    for name, member in list(vars(suite).items()):
        if name.startswith(_PREFIX) and [*inspect.signature(member).parameters] == ["self", "part"]:
            setattr(suite, name, _guarded(member))


def entry_of(part: Recipe) -> PartEntry | None:
    """Return the part of a recipe's class; None if no plugin provides it."""
    catalogue, home = load_catalogue(), f"{type(part).__module__}:{type(part).__qualname__}"
    near = [e for e in catalogue.parts() if e.kind != "recipe" and _package(e) == _top(home)]
    near.sort(key=lambda entry: entry.spec.target != home)  # a target may name it elsewhere
    return next((each for each in near if _class_of(catalogue, each) is type(part)), None)


def _package(entry: PartEntry) -> str:
    return _top(entry.spec.target)


def _top(target: str) -> str:
    return target.partition(":")[0].partition(".")[0]


def _class_of(catalogue: Catalogue, entry: PartEntry) -> type | None:
    try:
        return catalogue.load(entry, Recipe)
    except BrokenPartError:
        return None


def _plugins_of(entry: PartEntry) -> list[Any]:
    return [plugin for plugin in load_catalogue().plugins if entry in plugin.parts]


@functools.cache
def _heavy_modules(module: str) -> str:
    script = _HEAVY.format(module=module, names=HEAVY, mark=_MARK)
    command = [sys.executable, "-c", script]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"importing {module} takes over {_PATIENCE} seconds") from error
    lines = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    assert lines, f"importing {module} fails: {done.stderr.strip()[-500:]}"
    return ", ".join(lines[-1].removeprefix(_MARK).split())


class _Reading(nn.Module):
    """A program as a module, so that its weights can be exchanged for others."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.models = nn.ModuleDict(dict(program.models))
        self._run = program.run

    def forward(self) -> Tensor:
        return self._run()


def _together(module: nn.Module, state: Mapping[str, Tensor]) -> Tensor:
    """Return what all seeds compute as one batched program."""
    run = functools.partial(torch.func.functional_call, module, args=())
    found: Tensor = torch.func.vmap(run, randomness="different")(state)
    return found


def _seeds(module: nn.Module, seeds: int) -> dict[str, Tensor]:
    """Return the weights of each seed, ``[seed, ...]``, every one's a tenth larger."""
    scale = [1.0 + 0.1 * seed for seed in range(seeds)]
    weights = {
        key: torch.stack([factor * weight.detach() for factor in scale])
        for key, weight in module.named_parameters()
    }
    buffers = {key: torch.stack([value] * seeds) for key, value in module.named_buffers()}
    return {**weights, **buffers}


def _one_by_one(module: nn.Module, state: Mapping[str, Tensor]) -> Tensor:
    """Return what each seed computes with its weights in place."""
    places = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    found = []
    for seed in range(len(next(iter(state.values())))):
        with torch.no_grad():
            for key, place in places.items():
                place.copy_(state[key][seed])
        found.append(module().detach())
    return torch.stack(found)


def _guarded(check: Callable[..., None]) -> Callable[..., None]:
    """Seed a check, skip it where it does not apply, and turn round what is expected to fail."""

    @functools.wraps(check)
    def run(self: Suite, part: Recipe) -> None:
        _skip_unless_able(check, part)
        name = check.__name__.removeprefix(_PREFIX)
        reason = dict(part.expected_failures()).get(name)
        torch.manual_seed(0)
        try:
            check(self, part)
        except (SkipTest, UnexpectedPassError):  # of the check that this one overrides
            raise
        except (Exception, SystemExit) as error:
            if reason is None:
                raise
            raise ExpectedFailure(f"expected to fail: {reason}") from error
        if reason is not None:
            raise UnexpectedPassError(f"it passes, though expected to fail because {reason!r}")

    return run


def _skip_unless_able(check: Callable[..., None], part: Recipe) -> None:
    abilities: tuple[type, ...] = getattr(check, "abilities", ())
    for ability in abilities:
        built = provided_class(type(part))
        if not issubclass(built, ability):
            raise NotConcerned(f"{built.__name__} is no {ability.__name__}")


_guard_checks(Suite)
