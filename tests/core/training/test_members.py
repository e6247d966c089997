from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
import torch
from torch import Tensor

from genpolicy import Loss
from genpolicy.agent import shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Batch, Dataset, joined
from genpolicy.errors import UsageError
from genpolicy.training.checkpoint import State
from genpolicy.training.learner import Learner, stages_of
from genpolicy.training.members import Members
from genpolicy.training.sampler import Sampler
from objectives import OBJECTIVES, PLAIN, options

Maker = Callable[..., AgentRecipe]
DataMaker = Callable[..., Dataset]
CPU = torch.device("cpu")
COUNT = 3
STEPS = 3
NO_DIFFERENCE = 2e-3
"""Of batched and single sums of 32-bit floats, relative to a tensor's largest number."""


def _learners(recipe: AgentRecipe, data: Dataset, count: int = COUNT) -> list[Learner]:
    return _built([attrs.evolve(recipe, seed=seed) for seed in range(count)], data)


def _built(recipes: Sequence[AgentRecipe], data: Dataset) -> list[Learner]:
    learners = []
    for recipe in recipes:
        torch.manual_seed(recipe.seed)
        learners.append(Learner(recipe, shapes_of(data), CPU))
    return learners


def _decoded(state: State) -> State:
    """Return what a checkpoint's file holds of a state."""
    return State({name: value.clone() for name, value in state.tensors.items()}, state.facts)


def _solver(objective: str) -> tuple[str, ...]:
    return ("solver=jump",) if objective in PLAIN else ()


def _share(batch: Batch, number: int) -> Batch:
    """Return the part of a batch that a member learns from."""
    size = len(batch) // COUNT
    rows = slice(number * size, (number + 1) * size)
    return batch.map(lambda values: values[rows])


def _train(members: Members, data: Dataset, recipe: AgentRecipe) -> None:
    sampler = Sampler(data, CPU)
    for number, stage in enumerate(stages_of(recipe.objective)):
        _forget(members.learners)
        updates = members.enter(number, stage)
        for _ in range(stage.steps):
            members.take_step(sampler.draw(COUNT * stage.batch_size), updates)


def _train_beside(
    members: Members, alone: Sequence[Learner], data: Dataset, recipe: AgentRecipe
) -> None:
    """Take the same steps batched and one by one, on the same batches and the same noise."""
    sampler = Sampler(data, CPU)
    for number, stage in enumerate(stages_of(recipe.objective)):
        _forget([*members.learners, *alone])
        updates = members.enter(number, stage)
        own = [learner.enter(number, stage) for learner in alone]
        for _ in range(stage.steps):
            batch, noise = sampler.draw(COUNT * stage.batch_size), torch.get_rng_state()
            members.take_step(batch, updates)
            for index, learner in enumerate(alone):
                torch.set_rng_state(noise)
                learner.take_step(_share(batch, index), own[index])


def _forget(learners: Sequence[Learner]) -> None:
    for learner in learners:
        learner.means.clear()


def _tensors(learner: Learner) -> dict[str, Tensor]:
    state = learner.state().tensors
    return {name: value.clone() for name, value in state.items() if "random" not in name}


def _difference(one: Learner, other: Learner) -> float:
    first, second = _tensors(one), _tensors(other)
    assert first.keys() == second.keys()
    return max(
        float((first[name] - second[name]).abs().max() / (1e-6 + first[name].abs().max()))
        for name in first
        if first[name].is_floating_point()
    )


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_members_train_as_each_would_alone_with_the_same_noise(
    objective: str, small_recipe: Maker, make_dataset: DataMaker
) -> None:
    name, data = objective.partition(" ")[0], make_dataset()
    settings = ("train.ema=0.9", "train.clip_norm=0.5", *_solver(name))
    recipe = small_recipe(name, *options(objective, STEPS), *settings)
    alone = _learners(recipe, data)
    members = Members(_learners(recipe, data), randomness="same")
    _train_beside(members, alone, data, recipe)
    for one, other in zip(members.learners, alone, strict=True):
        assert _difference(one, other) < NO_DIFFERENCE


@pytest.mark.parametrize(
    ("objective", "option", "values"),
    [
        ("gmpo", "objective.beta", (0.5, 2, 6)),
        ("gmpo", "objective.beta", (0, 1, 2)),
        ("gmpo", "objective.max_weight", (0.5, 1, 100)),
        ("gmpo", "critic.tau", (0.1, 0.5, 1)),
        ("td3-bc", "objective.eta", (0.1, 1, 10)),
        ("iql", "critic.expectile", (0.5, 0.7, 0.95)),
        ("iql", "critic.discount", (0.0, 0.5, 0.99)),
        ("fql", "objective.alpha", (1, 10, 100)),
        ("gtp", "objective.eta", (0.5, 1, 4)),
        ("consistency-ac", "backbone.sigma_data", (0.3, 0.5, 1)),
        ("gmpg path", "objective.beta", (1, 2, 8)),
        ("bc", "inference.temperature", (0.1, 0.5, 1)),
    ],
)
def test_members_differ_by_an_option_as_they_would_alone(
    objective: str,
    option: str,
    values: Sequence[float],
    small_recipe: Maker,
    make_dataset: DataMaker,
) -> None:
    name, data = objective.partition(" ")[0], make_dataset()
    settings = (*options(objective, STEPS), "train.ema=0.9", *_solver(name))
    recipes = [
        small_recipe(name, *settings, f"{option}={value}", seed=seed)
        for seed, value in enumerate(values)
    ]
    alone, members = _built(recipes, data), Members(_built(recipes, data), randomness="same")
    _train_beside(members, alone, data, recipes[0])
    for one, other in zip(members.learners, alone, strict=True):
        assert _difference(one, other) < NO_DIFFERENCE
        assert one.recipe.hash() == other.recipe.hash(), "its parts are what they were"


def test_weights_of_other_shapes_are_refused(small_recipe: Maker, make_dataset: DataMaker) -> None:
    recipes = [
        small_recipe("iql", "solver=jump", f"critic.layer_norm={each}") for each in ("on", "off")
    ]
    with pytest.raises(UsageError, match="the weights are not of the same shapes"):
        Members(_built(recipes, make_dataset()))


def test_other_models_are_refused(small_recipe: Maker, make_dataset: DataMaker) -> None:
    recipes = [small_recipe("bc", f"train.ema={each}") for each in ("0", "0.9")]
    with pytest.raises(UsageError, match="the models are not the same"):
        Members(_built(recipes, make_dataset()))


def test_what_cannot_be_batched_raises_at_its_first_step(
    small_recipe: Maker, make_dataset: DataMaker
) -> None:
    data, recipe = make_dataset(), small_recipe("bc", "backbone=ot-flow", *options("bc", 1))
    with pytest.raises(RuntimeError, match="data pointer"):
        _train(Members(_learners(recipe, data)), data, recipe)


@pytest.fixture
def recipe(small_recipe: Maker) -> AgentRecipe:
    return small_recipe("iql", *options("iql", 20), *_solver("iql"))


def test_members_begin_as_each_would_alone(recipe: AgentRecipe, make_dataset: DataMaker) -> None:
    data = make_dataset()
    alone, members = _learners(recipe, data), Members(_learners(recipe, data))
    for one, other in zip(members.learners, alone, strict=True):
        assert _difference(one, other) == 0.0


def test_members_have_noise_of_their_own(small_recipe: Maker, make_dataset: DataMaker) -> None:
    """Three members of one seed on one batch differ by their noise alone."""
    data, recipe = make_dataset(), small_recipe("bc", *options("bc", 5))
    learners = []
    for _ in range(COUNT):
        torch.manual_seed(0)
        learners.append(Learner(recipe, shapes_of(data), CPU))
    members = Members(learners)
    (stage,) = stages_of(recipe.objective)
    updates, batch = members.enter(0, stage), Sampler(data, CPU).draw(8)
    same = joined([batch] * COUNT)
    members.take_step(same, updates)
    first, second, third = members.learners
    assert _difference(first, second) > 1e-3
    assert _difference(second, third) > 1e-3


def test_a_batch_is_reproducible_bit_for_bit(recipe: AgentRecipe, make_dataset: DataMaker) -> None:
    data = make_dataset()
    found = []
    for _ in range(2):
        members = Members(_learners(recipe, data))
        torch.manual_seed(7)
        _train(members, data, recipe)
        found.append(members.learners)
    for one, other in zip(*found, strict=True):
        assert _difference(one, other) == 0.0


def test_a_members_checkpoint_goes_on_alone(recipe: AgentRecipe, make_dataset: DataMaker) -> None:
    """With its optimiser and its slow copies; the others are not touched."""
    data = make_dataset()
    members = Members(_learners(recipe, data))
    sampler, (stage,) = Sampler(data, CPU), stages_of(recipe.objective)
    updates = members.enter(0, stage)
    for _ in range(5):
        members.take_step(sampler.draw(COUNT * 8), updates)
    leaver, stayer = members.learners[0], members.learners[1]
    alone = _learners(recipe, data)[0]
    alone.load(_decoded(leaver.state()), [stage])
    assert _difference(leaver, alone) == 0.0
    before = _tensors(leaver), _tensors(stayer)
    alone.take_step(sampler.draw(8), alone.enter(0, stage))
    assert _difference(leaver, alone) > 0.0
    for tensors, learner in zip(before, (leaver, stayer), strict=True):
        now = _tensors(learner)
        assert all(torch.equal(tensors[name], now[name]) for name in tensors)


def test_members_go_on_from_their_checkpoints(recipe: AgentRecipe, make_dataset: DataMaker) -> None:
    data, (stage,) = make_dataset(), stages_of(recipe.objective)
    through = Members(_learners(recipe, data))
    sampler, updates = Sampler(data, CPU), through.enter(0, stage)
    for _ in range(5):
        through.take_step(sampler.draw(COUNT * 8), updates)
    states = [learner.state() for learner in through.learners]
    again = _learners(recipe, data)
    for learner, state in zip(again, states, strict=True):
        learner.load(state, [stage])
    resumed = Members(again)
    later = resumed.enter(0, stage)
    for each, own in ((through, updates), (resumed, later)):
        torch.set_rng_state(states[0].tensors["random/cpu"])
        for _ in range(5):
            each.take_step(sampler.draw(COUNT * 8), own)
    for one, other in zip(through.learners, resumed.learners, strict=True):
        assert _difference(one, other) == 0.0


@pytest.fixture
def spared(monkeypatch: pytest.MonkeyPatch, recipe: AgentRecipe, make_dataset: DataMaker) -> Any:
    """Return a critic's class with a weight that its loss does not read before it is late."""
    kind: Any = type(_learners(recipe, make_dataset(), 1)[0].models.critic)
    build, loss, after_step = kind.__init__, kind.loss, kind.after_step

    def build_with_spare(self: Any, *arguments: Any, **named: Any) -> None:
        build(self, *arguments, **named)
        self.spare, self.progress = torch.nn.Linear(3, 3), 0.0

    def loss_with_spare(self: Any, batch: Batch) -> Loss:
        found = loss(self, batch)
        more = self.spare.weight.square().sum() if self.progress > kind.late else 0.0
        return Loss(found.value + more, found.metrics)

    def note_progress(self: Any, progress: float) -> None:
        after_step(self, progress)
        self.progress = progress

    monkeypatch.setattr(kind, "__init__", build_with_spare)
    monkeypatch.setattr(kind, "loss", loss_with_spare)
    monkeypatch.setattr(kind, "after_step", note_progress)
    monkeypatch.setattr(kind, "late", 2.0, raising=False)
    return kind


def test_a_weight_may_get_its_first_gradient_late_or_never(
    spared: Any, small_recipe: Maker, make_dataset: DataMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Together, alone, and alone or together from a checkpoint of before."""
    data, recipe = make_dataset(), small_recipe("iql", *options("iql", 4), *_solver("iql"))
    (stage,) = stages_of(recipe.objective)
    alone, members = _learners(recipe, data), Members(_learners(recipe, data), randomness="same")
    _train_beside(members, alone, data, recipe)
    states = [_decoded(learner.state()) for learner in members.learners]
    without = len(_tensors(alone[0]))
    left, again = _learners(recipe, data), _learners(recipe, data)
    for learners in (left, again):
        for learner, state in zip(learners, states, strict=True):
            learner.load(state, [stage])
    monkeypatch.setattr(spared, "late", 1.5)
    resumed = Members(again, randomness="same")
    _train_beside(members, alone, data, recipe)
    _train_beside(resumed, left, data, recipe)
    assert len(_tensors(alone[0])) > without
    for together, apart in ((members, alone), (resumed, left)):
        for one, other in zip(together.learners, apart, strict=True):
            assert _difference(one, other) < NO_DIFFERENCE
