"""What holds for every objective: what its losses move, leave alone and keep apart."""

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
import torch
from torch import Tensor

from genpolicy.agent import shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.fit import check_fit
from genpolicy.composition.layers import from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.dataset import Batch, Dataset
from genpolicy.discovery.catalogue import Catalogue, load_catalogue
from genpolicy.guide import Guide
from genpolicy.objective import Loss, Objective, Stage
from genpolicy.training.learner import Learner
from genpolicy.training.sampler import Sampler
from genpolicy.training.update import Update

DataMaker = Callable[..., Dataset]
CPU = torch.device("cpu")
NAMES = sorted(part.spec.name for part in load_catalogue().parts("objective"))
ROWS = 8
SMALL = ("network=mlp", "network.hidden=8", "network.time_dim=4", "train.ema=0.9")
ROWS_THAT_DIFFER = {"shortcut-ql", "mean-flow-ql", "bidirectional-ql"}
"""Whose backbone teaches the first rows of a batch another thing than the last."""


def _small_options(catalogue: Catalogue, name: str) -> Iterator[str]:
    """Few steps, rows and candidates for an objective of which only the name is known."""
    objective = catalogue.load(catalogue.find("objective", name), Objective)
    for field in attrs.fields(objective):
        if field.name.endswith("steps"):
            yield f"objective.{field.name}=3"
        if field.name.endswith("batch_size"):
            yield f"objective.{field.name}={ROWS}"
        if field.name == "candidates":
            yield f"objective.{field.name}=3"
    if any("critic" in stage.learning_rates for stage in objective().stages()):
        yield "critic.hidden=8"


@pytest.fixture
def learner(
    request: pytest.FixtureRequest, catalogue: Catalogue, make_dataset: DataMaker
) -> Learner:
    """An objective with the parts it is known with, small."""
    name, *more = request.param
    recipe = _small_recipe(catalogue, name, more)
    torch.manual_seed(0)
    return Learner(recipe, shapes_of(make_dataset()), CPU)


def _small_recipe(catalogue: Catalogue, name: str, more: list[str]) -> AgentRecipe:
    options = [f"objective={name}", *SMALL, *_small_options(catalogue, name), *more]
    recipe = resolve(catalogue, [from_arguments(options)], recipe="none")
    check_fit(recipe, catalogue)
    return recipe


for_every_objective = pytest.mark.parametrize(
    "learner", [[n] for n in NAMES], indirect=True, ids=NAMES
)
for_every_objective_row_by_row = pytest.mark.parametrize(
    "learner",
    [[n, "backbone.matching=1.0"] if n in ROWS_THAT_DIFFER else [n] for n in NAMES],
    indirect=True,
    ids=NAMES,
)


def _stages(learner: Learner) -> Iterator[tuple[Stage, list[Update]]]:
    for number, stage in enumerate(learner.recipe.objective.stages()):
        learner.means.clear()
        yield stage, list(learner.enter(number, stage))


def _weights(learner: Learner) -> dict[str, dict[str, Tensor]]:
    return {
        name: {key: value.clone() for key, value in model.state_dict().items()}
        for name, model in learner._named_models().items()
    }


def _changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {
        name
        for name, weights in before.items()
        if not all(torch.equal(value, after[name][key]) for key, value in weights.items())
    }


def _followers(learner: Learner, role: str) -> set[str]:
    """The slow copies that move with a role."""
    own = {f"target_{role}"} & learner.models.all().keys()
    return own | ({"averaged"} if role == learner.recipe.objective.acting_role else set())


@for_every_objective
def test_an_update_moves_its_role_and_the_copies_that_follow_it(
    learner: Learner, make_dataset: DataMaker
) -> None:
    sampler = Sampler(make_dataset(), CPU)
    for stage, updates in _stages(learner):
        assert [update.role for update in updates] == list(stage.learning_rates)
        for update in updates:
            before = _weights(learner)
            update.step(sampler.draw(ROWS), 0)
            changed = _changed(before, _weights(learner))
            assert changed == {update.role, *_followers(learner, update.role)}, stage.name


@for_every_objective
def test_gradients_reach_every_weight_that_trains_and_no_other(
    learner: Learner, make_dataset: DataMaker
) -> None:
    sampler = Sampler(make_dataset(), CPU)
    for _, updates in _stages(learner):
        for update in updates:
            for model in learner.models.all().values():
                model.zero_grad(set_to_none=True)
            loss = update.step(sampler.draw(ROWS), 0)
            assert torch.isfinite(loss.value)
            for name, model in learner.models.all().items():
                for key, weight in model.named_parameters():
                    trains = name == update.role and weight.requires_grad
                    assert (weight.grad is not None) == trains, (update.role, name, key)
                    if trains:
                        assert torch.isfinite(weight.grad).all(), key
                        blind = isinstance(model, Guide) and weight.shape == (1,)
                        assert blind or weight.grad.abs().sum() > 0, key


@for_every_objective
def test_a_role_learns_the_same_whether_others_are_frozen_or_not(
    learner: Learner, make_dataset: DataMaker
) -> None:
    batch = Sampler(make_dataset(), CPU).draw(ROWS)
    for stage, _ in _stages(learner):
        models = learner.models.all()
        for role in stage.learning_rates:
            own = [weight for weight in models[role].parameters() if weight.requires_grad]
            others = [w for name, m in models.items() if name != role for w in m.parameters()]
            loss = learner.models.loss_of(role)
            torch.manual_seed(1)
            expected = torch.autograd.grad(loss(batch=batch).value, own)
            trained = [weight for weight in others if weight.requires_grad]
            for weight in others:
                weight.requires_grad_(False)
            for model in models.values():
                model.zero_grad(set_to_none=True)
            torch.manual_seed(1)
            loss(batch=batch).value.backward()
            for weight, gradient in zip(own, expected, strict=True):
                torch.testing.assert_close(weight.grad, gradient)
            for weight in trained:
                weight.requires_grad_()


@for_every_objective
def test_metrics_are_detached_scalars_of_stable_names(
    learner: Learner, make_dataset: DataMaker
) -> None:
    sampler = Sampler(make_dataset(), CPU)
    for stage, _ in _stages(learner):
        for role in stage.learning_rates:
            losses = [learner.models.loss_of(role)(batch=sampler.draw(ROWS)) for _ in range(2)]
            assert losses[0].metrics.keys() == losses[1].metrics.keys()
            for value in losses[0].metrics.values():
                assert value.shape == ()
                assert not value.requires_grad


DRAWS = ("rand", "randn", "rand_like", "randn_like", "randint_like")
"""Torch's sources of noise that losses draw from."""


def _shuffle_noise(order: Tensor, patch: pytest.MonkeyPatch) -> None:
    """Let every draw for the rows of a batch come in another order of its rows."""

    def shuffled(draw: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def of(*args: Any, **kwargs: Any) -> Tensor:
            noise = draw(*args, **kwargs)
            if noise.ndim == 0 or len(noise) % ROWS:
                return noise
            groups = noise.reshape(ROWS, -1, *noise.shape[1:])
            return groups[order].reshape(noise.shape)

        return of

    for name in DRAWS:
        patch.setattr(torch, name, shuffled(getattr(torch, name)))


@for_every_objective_row_by_row
def test_a_loss_does_not_know_the_order_of_its_rows(
    learner: Learner, make_dataset: DataMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch and noise in another order have the same mean, and states alone have not."""
    batch = Sampler(make_dataset(), CPU).draw(ROWS)
    order = torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])
    mixed = Batch(**{f.name: getattr(batch, f.name)[order] for f in attrs.fields(Batch)})
    mispaired = attrs.evolve(batch, observation=mixed.observation)
    for stage, _ in _stages(learner):
        for role in stage.learning_rates:
            loss = learner.models.loss_of(role)
            expected, apart = _seeded(loss, batch), _seeded(loss, mispaired)
            with monkeypatch.context() as patch:
                _shuffle_noise(order, patch)
                found = _seeded(loss, mixed)
            torch.testing.assert_close(found, expected, rtol=2e-5, atol=2e-5)
            assert not torch.isclose(apart, expected, rtol=2e-5, atol=2e-5), role


def _seeded(loss: Callable[..., Loss], batch: Batch) -> Tensor:
    torch.manual_seed(2)
    return loss(batch=batch).value.detach()
