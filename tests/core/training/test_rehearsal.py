"""Backbones whose loss has a wrong shape are refused before a step is taken."""

from collections.abc import Callable

import attrs
import pytest
import torch
from torch import Tensor, nn

from genpolicy.backbone import Backbone
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.assemble import Models, Shapes, build_models
from genpolicy.errors import BrokenPartError
from genpolicy.training.rehearsal import rehearse

CPU = torch.device("cpu")
SHAPES = Shapes(observation_dim=3, action_shape=(2,))


class Shaped(Backbone):
    """Its losses are what a function makes of one number per row and dimension."""

    def __init__(self, loss: Callable[[Tensor], Tensor]) -> None:
        super().__init__((2,))
        self.weight, self.loss = nn.Linear(3, 2), loss

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        return self.loss((self.weight(condition) - sample + torch.randn_like(sample)) ** 2)


@pytest.fixture
def models(small_recipe: Callable[..., AgentRecipe]) -> Callable[..., Models]:
    def make(loss: Callable[[Tensor], Tensor]) -> Models:
        built = build_models(small_recipe("bc"), SHAPES, CPU)
        return attrs.evolve(built, roles={"policy": Shaped(loss)})

    return make


@pytest.mark.parametrize(
    ("loss", "shape"),
    [
        (lambda loss: loss, "(4, 2)"),
        (lambda loss: loss.mean(), "()"),
        (lambda loss: loss.sum(1, keepdim=True), "(4, 1)"),
        (lambda loss: loss.sum(0), "(2,)"),
    ],
)
def test_a_loss_that_is_not_one_number_per_row_is_refused(
    models: Callable[..., Models], loss: Callable[[Tensor], Tensor], shape: str
) -> None:
    with pytest.raises(BrokenPartError) as caught:
        rehearse(models(loss), SHAPES, CPU)
    assert str(caught.value).startswith("backbone 'flow' of genpolicy ")
    assert str(caught.value).endswith(
        f" has a matching loss of shape {shape} for 4 rows; it is one number per row, [batch], "
        "summed over a sample's dimensions"
    )


@pytest.mark.parametrize("actions", [1, 2, 3, 4, 8])
def test_a_loss_averaged_over_the_rows_is_refused_for_any_number_of_actions(
    models: Callable[..., Models], actions: int
) -> None:
    made = models(lambda loss: loss.mean(0))
    made.roles["policy"].weight = nn.Linear(3, actions)
    with pytest.raises(BrokenPartError, match=rf"a matching loss of shape \({actions},\) for"):
        rehearse(made, Shapes(observation_dim=3, action_shape=(actions,)), CPU)


def test_a_right_loss_passes_and_leaves_random_numbers_and_modes_alone(
    models: Callable[..., Models],
) -> None:
    made = models(lambda loss: loss.sum(1))
    before = torch.get_rng_state()
    rehearse(made, SHAPES, CPU)
    assert torch.equal(torch.get_rng_state(), before)
    policy = made.roles["policy"]
    assert policy.training
    assert all(weight.grad is None for weight in policy.parameters())


def test_what_a_loss_counts_begins_at_zero_all_the_same(models: Callable[..., Models]) -> None:
    class Counting(Shaped):
        calls = 0

        def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
            self.calls += 1
            return super().matching_loss(sample, condition)

    policy = Counting(lambda loss: loss.sum(1))
    rehearse(attrs.evolve(models(policy.loss), roles={"policy": policy}), SHAPES, CPU)
    assert policy.calls == 0


def test_a_backbone_without_a_loss_is_left_to_those_who_need_one(
    models: Callable[..., Models],
) -> None:
    def refuse(loss: Tensor) -> Tensor:
        raise NotImplementedError

    rehearse(models(refuse), SHAPES, CPU)
