from collections.abc import Callable

import pytest
import torch

from genpolicy.agent import shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.training.learner import Learner
from genpolicy.training.members import Members
from genpolicy.training.precision import losing, multiplying
from genpolicy.training.sampler import Sampler
from objectives import OBJECTIVES, PLAIN, options

Maker = Callable[..., AgentRecipe]
DataMaker = Callable[..., Dataset]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def _losses(recipe: AgentRecipe, data: Dataset) -> tuple[Learner, list[float]]:
    """Return a learner that took a step of every stage, and the losses of these."""
    torch.manual_seed(0)
    learner, sampler, found = Learner(recipe, shapes_of(data), CPU), Sampler(data, CPU), []
    for number, stage in enumerate(recipe.objective.stages()):
        learner.means.clear()
        learner.take_step(sampler.draw(64), learner.enter(number, stage))
        snapshot = learner.means.close(learner.step)
        assert snapshot is not None
        values = snapshot.values()
        found += [values[f"{role}/loss"] for role in stage.learning_rates]
    return learner, found


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_losses_in_bf16_are_near_the_full_ones_and_weights_stay_full(
    objective: str, small_recipe: Maker, make_dataset: DataMaker
) -> None:
    solver = "jump" if objective in PLAIN else "midpoint:2"
    settings = (f"solver={solver}", *options(objective, 1))
    name, data = objective.partition(" ")[0], make_dataset()
    _, full = _losses(small_recipe(name, *settings), data)
    learner, half = _losses(small_recipe(name, *settings, "train.precision=bf16"), data)
    assert half == pytest.approx(full, rel=0.1, abs=0.1)
    assert half != full
    for model in learner.named_models().values():
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}


def test_seeds_that_train_together_do_so_in_the_precision_that_was_chosen(
    small_recipe: Maker, make_dataset: DataMaker
) -> None:
    data, losses = make_dataset(), []
    for precision in ("full", "bf16"):
        recipe = small_recipe("bc", *options("bc", 1), f"train.precision={precision}")
        torch.manual_seed(0)
        members = Members([Learner(recipe, shapes_of(data), CPU) for _ in range(2)])
        (stage,) = recipe.objective.stages()
        updates = members.enter(0, stage)
        torch.manual_seed(0)
        members.take_step(Sampler(data, CPU).draw(128), updates)
        losses.append(members.learners[1].means.total)
    full, half = losses
    torch.testing.assert_close(half, full, rtol=0.05, atol=0.05)
    assert not torch.equal(half, full)


def test_products_are_rounded_on_cuda_alone_and_while_it_lasts() -> None:
    before = torch.get_float32_matmul_precision()
    for precision, device in (("tf32", CPU), ("full", CUDA), ("bf16", CUDA)):
        with multiplying(precision, device):  # type: ignore[arg-type]
            assert torch.get_float32_matmul_precision() == before
    with multiplying("tf32", CUDA):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before


def test_only_bf16_has_losses_in_another_type() -> None:
    weight = torch.ones(2, 2)
    for precision, dtype in (("full", torch.float32), ("bf16", torch.bfloat16)):
        with losing(precision, CPU):  # type: ignore[arg-type]
            assert (weight @ weight).dtype is dtype
