"""Consistency training, against the exact solution for Gaussian data and by hand."""

import math

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import SampleSpec
from genpolicy.network import Network, NetworkRecipe, NetworkSpec
from genpolicy_plugins.backbones.consistency import Consistency, ConsistencyModel
from genpolicy_plugins.networks.mlp import MLP

SPEC = SampleSpec(sample_shape=(2,), condition_dim=1)


class _Exact(Network):
    """Sends x_t of N(0, sigma_data^2 I) data to its place among the data."""

    def __init__(self) -> None:
        super().__init__()
        self.one = torch.nn.Parameter(torch.ones((), dtype=torch.float64))

    def encode(self, condition: Tensor) -> Tensor:
        return condition

    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        end = math.atan(0.002 / 0.5) * 2 / math.pi
        turn = torch.tan((times[0] - end) * (math.pi / 4)) * self.one
        return sample * (turn[:, None] if turn.ndim else turn)


class _ExactRecipe(NetworkRecipe):
    def build(self, spec: NetworkSpec) -> Network:
        return _Exact()


def _model(**options: object) -> ConsistencyModel:
    torch.manual_seed(0)
    network = MLP(hidden=(16,), time_dim=4)
    return Consistency(**options).build(SPEC, network).double()  # type: ignore[arg-type]


def _data(rows: int = 5000) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return 0.5 * torch.randn(rows, 2).double(), torch.zeros(rows, 1).double()


def test_the_exact_map_carries_noise_to_the_data_at_once() -> None:
    model = Consistency().build(SPEC, _ExactRecipe())
    _, condition = _data()
    noise = model.draw_noise(condition)
    expected = noise * math.hypot(0.5, 0.002) / math.hypot(0.5, 80.0)
    torch.testing.assert_close(model.transport(noise, condition), expected)


def test_the_exact_maps_loss_vanishes_as_the_grid_grows() -> None:
    def loss(steps: int) -> float:
        recipe = Consistency(
            grid_first=steps, grid_last=steps, distance="squared", weighting="uniform"
        )
        torch.manual_seed(2)
        return float(recipe.build(SPEC, _ExactRecipe()).matching_loss(*_data()).mean().detach())

    losses = [loss(steps) for steps in (40, 160, 640)]
    assert losses[0] > 10 * losses[1] > 100 * losses[2] > 0.0


def test_steps_are_drawn_by_log_normal_noise_levels_unless_said() -> None:
    drawn = []
    for levels in ("log-normal", "uniform"):
        torch.manual_seed(4)
        model = _model(levels=levels)
        model.matching_loss(*_data(9))
        drawn.append(torch.get_rng_state())
    assert not torch.equal(*drawn)


@pytest.mark.parametrize("distance", ["squared", "huber"])
@pytest.mark.parametrize("weighting", ["uniform", "gap"])
def test_neighbours_are_compared_by_the_distance_and_weight_that_are_named(
    distance: str, weighting: str
) -> None:
    model = _model(distance=distance, weighting=weighting, levels="uniform")
    assert model.teacher is not None
    for weight in model.teacher.parameters():
        weight.data.add_(0.1)
    sample, condition = _data(6)
    torch.manual_seed(3)
    found = model.matching_loss(sample, condition)
    torch.manual_seed(3)
    index = torch.floor(torch.rand(6, dtype=torch.float64) * 10.0)
    noise = torch.randn_like(sample)
    t, u = model.grid.time(index), model.grid.time(index + 1)
    before, after = model.path.sigma(t), model.path.sigma(u)
    slow = _model(ema=0.0)
    slow.network.load_state_dict(model.teacher.state_dict())
    error = model.endpoint(sample + before[:, None] * noise, t, condition)
    error = error - slow.endpoint(sample + after[:, None] * noise, u, condition)
    expected = 0.5 * (error**2).sum(1)
    if distance == "huber":
        c = 0.00054 * math.sqrt(2)
        expected = torch.sqrt(2.0 * expected + c**2) - c
    if weighting == "gap":
        expected = expected / (before - after)
    torch.testing.assert_close(found, expected)


def test_the_teacher_follows_slowly_or_is_the_model_itself() -> None:
    slow, alone = _model(ema=0.8), _model(ema=0.0)
    assert alone.teacher is None
    assert slow.teacher is not None
    slow.network.body[1].weight.data.add_(1.0)
    slow.after_step(0.5)
    moved = dict(slow.teacher.named_parameters())["body.1.weight"]
    left = dict(slow.network.named_parameters())["body.1.weight"] - moved
    torch.testing.assert_close(left, torch.full_like(left, 0.8))
    assert int(slow.grid.steps) == 160
