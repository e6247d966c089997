"""What of a loss forbids to take it of several members at once."""

import functools
import itertools
import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import attrs
import numpy as np
import pytest
import torch

from genpolicy import Backbone, Batch, Critic, Loss
from genpolicy.agent import shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe, Chosen
from genpolicy.dataset import Dataset
from genpolicy.errors import UsageError
from genpolicy.training.learner import Learner, course_of
from genpolicy.training.members import Members
from genpolicy.training.own_numbers import OwnNumbers
from genpolicy.training.sampler import Sampler
from genpolicy.training.trial import refusal
from genpolicy_plugins.objectives.bc import BC
from objectives import PLAIN, options

CPU = torch.device("cpu")
Maker = Callable[..., AgentRecipe]
DataMaker = Callable[..., Dataset]


@pytest.fixture
def why(make_dataset: DataMaker) -> Callable[..., str | None]:
    """Return a function that says why recipes cannot train as one program."""

    def find(recipes: Sequence[AgentRecipe]) -> str | None:
        data = make_dataset()
        members = Members([Learner(recipe, shapes_of(data), CPU) for recipe in recipes])
        rows = Sampler(data, CPU).draw(4 * len(recipes))
        return refusal(members, course_of(recipes[0]), rows)

    return find


@pytest.mark.parametrize(
    ("objective", "option", "values", "reason"),
    [
        ("gmpo", "objective.beta", "1 2", None),
        ("gmpo", "solver.steps", "2 3", None),
        ("fql", "objective.normalise_q", "on off", "'normalise_q' is more than a number that"),
        ("gtp", "objective.candidates", "2 4", "'candidates' is more than a number that enters"),
        (
            "consistency-ac",
            "backbone.distance",
            "huber squared",
            "'distance' is more than a number",
        ),
        ("fql", "solver.steps", "2 3", "'steps' is more than a number that enters a loss"),
        ("td3-bc", "critic.noise", "0 0.2", "the loss that trains 'critic' branches on a value"),
    ],
)
def test_an_option_enters_a_loss_as_a_number_or_is_refused(
    objective: str,
    option: str,
    values: str,
    reason: str | None,
    why: Callable[..., str | None],
    small_recipe: Maker,
) -> None:
    small = (*options(objective, 2), *(("solver=jump",) if objective in PLAIN else ()))
    recipes = [small_recipe(objective, *small, f"{option}={value}") for value in values.split()]
    found = why(recipes)
    assert found == reason or (found is not None and reason is not None and reason in found)


@attrs.frozen(kw_only=True)
class Altered(BC):
    """Behaviour cloning with something that the present case is about."""

    change: Any = None

    def policy_loss(self, batch: Batch, policy: Backbone) -> Loss:
        loss = super().policy_loss(batch, policy)
        return Loss(self.change(policy) * loss.value, loss.metrics)


def _with(recipe: AgentRecipe, changes: Sequence[Any]) -> list[AgentRecipe]:
    known = recipe.chosen["objective"]
    return [
        attrs.evolve(
            recipe,
            chosen={**recipe.chosen, "objective": Chosen(known.entry, Altered(change=change))},
        )
        for change in changes
    ]


def test_a_number_that_the_parts_do_not_hold_is_found_by_trial(
    why: Callable[..., str | None], small_recipe: Maker
) -> None:
    asked = itertools.count(1)
    changes = [lambda _: float(next(asked))] * 2
    assert why(_with(small_recipe("bc"), changes)) == (
        "the loss that trains 'policy' comes out otherwise than for each alone"
    )


@pytest.mark.parametrize("most", [9.0, 1.0])  # the numbers differ in the end, or on the way alone
def test_a_number_that_changes_as_training_goes_on_is_refused(
    most: float,
    why: Callable[..., str | None],
    small_recipe: Maker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipes = [small_recipe("consistency-ac", "solver=jump", f"backbone.turns={n}") for n in (7, 8)]

    def after_step(self: Any, progress: float) -> None:
        self.pace = min(most, progress * self.recipe.turns)

    kind = "genpolicy_plugins.backbones.consistency.ConsistencyModel"
    monkeypatch.setattr(f"{kind}.pace", 0.0, raising=False)
    monkeypatch.setattr(f"{kind}.after_step", after_step)
    found = why(recipes)
    assert found is not None
    assert "reads numbers that change as training goes on" in found or "made up" in found


class Part:
    """Something that a loss is bound to."""

    def __init__(self, **values: object) -> None:
        vars(self).update(values)

    def loss(self, critic: Critic) -> None: ...


def _own(*parts: Part) -> OwnNumbers:
    losses = [SimpleNamespace(func=part.loss, keywords={}) for part in parts]
    return OwnNumbers(losses, CPU)  # type: ignore[arg-type]


def test_numbers_that_differ_are_given_as_tensors_and_taken_back() -> None:
    one, other = Part(beta=1, same=3.0, inner=Part(alpha=0.5)), Part(beta=2.5, same=3.0)
    vars(other)["inner"] = Part(alpha=0.25)
    own = _own(one, other)
    assert own.names == ["beta", "alpha"]
    beta, alpha = own.tensors()
    assert beta.tolist() == [1.0, 2.5]
    assert alpha.tolist() == [0.5, 0.25]
    with own.given([beta[1], alpha[1]]):
        assert vars(one)["beta"] is not 1  # noqa: F632
        assert float(vars(one)["inner"].alpha) == 0.25
    assert (vars(one)["beta"], vars(one)["inner"].alpha) == (1, 0.5)
    vars(other)["beta"] = 4.0
    assert own.tensors()[0].tolist() == [1.0, 4.0]


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ({"a": 1}, {"a": 2}, "'a' is more than a number"),
        ({"a": True}, {"a": False}, "'a' is more than a number"),
        ({"a": "x"}, {"a": "y"}, "'a' is more than a number"),
        ({"a": None}, {"a": 1.0}, "'a' is of several kinds"),
        ({"a": [1.0]}, {"a": [2.0]}, "'0' is more than a number"),
        ({"a": [1.0]}, {"a": [1.0, 2.0]}, "not every list is made up alike"),
        ({"a": 1.0}, {"b": 1.0}, "not every Part is made up alike"),
        ({"a": torch.ones(2)}, {"a": torch.zeros(2)}, "'a' is a tensor of each one's own"),
    ],
)
def test_what_is_no_number_must_not_differ(
    one: dict[str, Any], other: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        _own(Part(**one), Part(**other))


class Slotted:
    """Something without a dictionary."""

    __slots__ = ("__hidden", "v")

    def __init__(self, v: float, hidden: object = None) -> None:
        self.v, self.__hidden = v, hidden


class Mapping(OrderedDict[str, float]):
    """A dictionary with attributes."""


def _mapping(number: float) -> Mapping:
    mapping = Mapping()
    mapping.number = number  # type: ignore[attr-defined]
    return mapping


def _closing_over(number: object) -> Callable[[], object]:
    return lambda: number


def _by_default(number: float) -> Callable[..., float]:
    def give(found: float = number, *, other: float = number) -> float:
        return found + other

    return give


KINDS: Sequence[tuple[Callable[[float], Any], str]] = [
    (lambda n: functools.partial(max, n), "'0' is more than a number"),
    (lambda n: functools.partial(max, key=n), "'key' is more than a number"),
    (lambda n: functools.partial(int(n).__add__), "'func' is a method-wrapper of each one's own"),
    (_closing_over, "'number' is more than a number"),
    (lambda n: _closing_over([n]), "'0' is more than a number"),
    (_by_default, "'0' is more than a number"),
    (lambda n: Slotted(0.0, int(n)), "'_Slotted__hidden' is more than a number"),
    (np.float32, "'a' is a float32 of each one's own"),
    (lambda n: np.full(2, n), "'a' is a ndarray of each one's own"),
    (lambda n: frozenset([n]), "'a' is a frozenset of each one's own"),
    (lambda n: complex(n), "'a' is a complex of each one's own"),
    (_mapping, "'number' is more than a number"),
    (lambda n: torch.full((2,), n), "'a' is a tensor of each one's own"),
    (lambda n: [torch.full((2,), n)], "'0' is a tensor of each one's own"),
]
CLOSED: Sequence[tuple[Callable[[float], Any], str]] = [
    (random.Random, "'a' is a Random of each one's own"),
    (lambda n: iter(range(int(n))), "'a' is a range_iterator of each one's own"),
]


@pytest.mark.parametrize(("make", "reason"), [*KINDS, *CLOSED])
def test_a_difference_is_refused_wherever_a_part_keeps_it(
    make: Callable[[float], Any], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        _own(Part(a=make(1.0)), Part(a=make(2.0)))


@pytest.mark.parametrize("make", [make for make, _ in KINDS])
def test_what_is_equal_is_taken_for_alike(make: Callable[[float], Any]) -> None:
    assert _own(Part(a=make(1.0)), Part(a=make(1.0))).names == []


@pytest.mark.parametrize(("make", "reason"), CLOSED)
def test_what_cannot_be_looked_into_is_refused_though_it_may_be_alike(
    make: Callable[[float], Any], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        _own(Part(a=make(1.0)), Part(a=make(1.0)))
    shared = make(1.0)
    assert _own(Part(a=shared), Part(a=shared)).names == []


def test_numbers_of_slots_and_of_what_a_method_is_bound_to_are_given_as_tensors() -> None:
    one, other = (Part(a=Slotted(n), b=Part(w=n).loss) for n in (1.0, 2.0))
    own = _own(one, other)
    assert own.names == ["v", "w"]
    with own.given([each[1] for each in own.tensors()]):
        assert float(vars(one)["a"].v) == float(vars(one)["b"].__self__.w) == 2.0
    assert vars(one)["a"].v == vars(one)["b"].__self__.w == 1.0


def test_what_is_one_for_the_first_and_several_for_another_is_refused() -> None:
    one, alike, unlike = Part(v=1.0), Part(v=1.0), Part(v=2.0)
    for apart in (Part(x=alike, y=unlike), Part(x=one, y=unlike), Part(x=unlike, y=one)):
        with pytest.raises(UsageError, match="not every Part is made up alike"):
            _own(Part(x=one, y=one), apart)
    assert _own(Part(x=one, y=alike), Part(x=unlike, y=unlike)).names == ["v", "v"]
