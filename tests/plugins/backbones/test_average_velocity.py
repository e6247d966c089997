"""The flow maps that learn an average velocity: shortcut, mean-flow, bidirectional."""

import math
from collections.abc import Callable

import attrs
import pytest
import torch
from torch import Tensor

from genpolicy.backbone import BackboneRecipe, SampleSpec
from genpolicy.network import Network, NetworkRecipe, NetworkSpec
from genpolicy.path import LinearPath
from genpolicy_plugins.backbones.average_velocity import AverageVelocityModel
from genpolicy_plugins.backbones.bidirectional import Bidirectional
from genpolicy_plugins.backbones.mean_flow import MeanFlow, MeanFlowModel
from genpolicy_plugins.backbones.shortcut import Shortcut, ShortcutModel
from genpolicy_plugins.networks.mlp import MLP
from genpolicy_plugins.networks.residual_mlp import ResidualMLP
from genpolicy_plugins.networks.temporal_spatial_residual import TemporalSpatialResidual
from genpolicy_plugins.networks.time_embedding import TimeEmbedding
from genpolicy_plugins.networks.transformer import Transformer
from genpolicy_plugins.solvers.jump import Jump

RECIPES = [Shortcut(), MeanFlow(), Bidirectional()]
every_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: type(recipe).__name__)
SMALL = MLP(hidden=(16, 16), time_dim=4)


class _Known(Network):
    """A function of the sample and its two times, in place of a network."""

    def __init__(self, function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def encode(self, condition: Tensor) -> Tensor:
        return condition

    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        t, step = times
        return self.function(sample, t, step)


class _KnownRecipe(NetworkRecipe):
    def build(self, spec: NetworkSpec) -> Network:
        assert spec.times == 2
        return _Known(lambda x, t, step: torch.zeros_like(x))


def _build(
    recipe: BackboneRecipe, network: NetworkRecipe = SMALL, shape: tuple[int, ...] = (2,)
) -> AverageVelocityModel:
    torch.manual_seed(0)
    model = recipe.build(SampleSpec(sample_shape=shape, condition_dim=3), network)
    assert isinstance(model, AverageVelocityModel)
    return model.double()


def _knowing(
    recipe: BackboneRecipe, function: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> AverageVelocityModel:
    model = _build(recipe, _KnownRecipe())
    model.network = _Known(function)
    return model


def _inputs(rows: int = 6) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(rows, 2).double(), torch.randn(rows, 3).double()


def _gaussian_average(std: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The exact average velocity towards N(0, std^2): x_s = x_t spread_s / spread_t."""

    def spread(t: Tensor) -> Tensor:
        return torch.sqrt((1.0 - t) ** 2 + (std * t) ** 2)

    def average(x: Tensor, t: Tensor, step: Tensor) -> Tensor:
        rate = (std**2 * t - (1.0 - t)) / spread(t) ** 2
        change = (spread(t + step) / spread(t) - 1.0) / torch.where(step > 0, step, 1.0)
        per_row = torch.where(step > 0, change, rate)
        return x * (per_row if per_row.ndim == 0 else per_row[:, None])

    return average


@every_recipe
def test_it_travels_the_straight_path(recipe: BackboneRecipe) -> None:
    assert _build(recipe).path == LinearPath(0.0)


@every_recipe
def test_a_jump_is_the_average_velocity_times_its_length(recipe: BackboneRecipe) -> None:
    model, (x_t, condition) = _build(recipe), _inputs()
    t, s = torch.tensor(0.2).double(), torch.linspace(0.4, 1.0, 6).double()
    moved = model.jump(x_t, t, s, condition) - x_t
    average = model.average_velocity(x_t, t, s, condition)
    torch.testing.assert_close(moved, (s - t)[:, None] * average)


@every_recipe
def test_the_network_is_told_the_time_and_the_step(recipe: BackboneRecipe) -> None:
    told: list[Tensor] = []

    def listen(x: Tensor, t: Tensor, step: Tensor) -> Tensor:
        told.extend((t, step))
        return x

    x_t, condition = _inputs()
    _knowing(recipe, listen).average_velocity(
        x_t, x_t.new_tensor(0.25), x_t.new_tensor(0.75), condition
    )
    assert [float(time) for time in told] == [0.25, 0.5]


@every_recipe
@pytest.mark.parametrize("network", [SMALL, TemporalSpatialResidual(hidden=(8,))], ids=str)
def test_the_network_is_told_no_time_faster_than_asked(
    recipe: BackboneRecipe, network: NetworkRecipe
) -> None:
    def fastest(turns: float) -> list[float]:
        model = _build(attrs.evolve(recipe, turns=turns), network)
        embeddings = [m for m in model.modules() if isinstance(m, TimeEmbedding)]
        return [float(m.frequencies.abs().max()) / (2 * math.pi) for m in embeddings]

    assert fastest(0.75) == pytest.approx([0.75] * len(fastest(0.75)), rel=1e-5)
    assert min(fastest(1e3)) > 5.0  # what is slow enough stays as it is
    assert max(fastest(1e3)) < 200.0


@every_recipe
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_small_batch_has_a_loss_per_row(recipe: BackboneRecipe, rows: int) -> None:
    loss = _build(recipe).matching_loss(*_inputs(rows))
    assert loss.shape == (rows,)
    assert torch.isfinite(loss).all()


@pytest.mark.parametrize(("share", "expected"), [(0.01, 1), (0.25, 2), (0.75, 6), (1.0, 8)])
def test_a_fixed_share_of_the_rows_learns_the_velocity(share: float, expected: int) -> None:
    """A zero network already composes, so only a row that meets data has a loss."""
    model = _build(Bidirectional(matching=share), _KnownRecipe())
    loss = model.matching_loss(*_inputs(8))
    assert (loss > 0).tolist() == [True] * expected + [False] * (8 - expected)


@every_recipe
def test_a_row_that_meets_data_has_half_the_squared_error_of_the_velocity(
    recipe: BackboneRecipe,
) -> None:
    """Half of E|a - z|^2 = |a|^2 + 2 for a network that says zero."""
    model = _build(recipe, _KnownRecipe())
    torch.manual_seed(0)
    rows = torch.tensor([[1.0, 2.0]]).double().expand(100_000, 2)
    loss = model.velocity_loss(rows, torch.zeros(100_000, 3).double())
    assert float(loss.mean()) == pytest.approx(0.5 * (5 + 2), rel=0.01)


@pytest.mark.parametrize("recipe", [Bidirectional(), Shortcut(ema=0.0)], ids=["bfq", "shortcut"])
def test_the_exact_map_already_composes(recipe: BackboneRecipe) -> None:
    model = _knowing(recipe, _gaussian_average(0.5))
    torch.testing.assert_close(
        model.map_loss(*_inputs()), torch.zeros(6).double(), rtol=0, atol=1e-20
    )


def test_a_map_that_does_not_compose_has_the_squared_gap_as_its_loss() -> None:
    """With u = s - t, one jump goes d^2 and two go h^2 + (d - h)^2: off by 2 h (d - h)."""
    seen: list[tuple[Tensor, Tensor]] = []

    def average(x: Tensor, t: Tensor, step: Tensor) -> Tensor:
        seen.append((t, step))
        return step[:, None].expand_as(x)

    loss = _knowing(Bidirectional(), average).map_loss(*_inputs())
    (t, first), (m, second), (start, whole) = seen
    assert torch.equal(t, start)
    assert (first > 0).all()
    assert (second > 0).all()
    torch.testing.assert_close(t + first, m)
    torch.testing.assert_close(first + second, whole)
    torch.testing.assert_close(loss, 0.5 * 2 * (2 * first * second) ** 2)


def test_the_boundary_of_a_bidirectional_map_is_a_thousandth_wide() -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def average(x: Tensor, t: Tensor, step: Tensor) -> Tensor:
        seen.append((t, step))
        return x

    _knowing(Bidirectional(), average).velocity_loss(*_inputs(2000))
    ((t, step),) = seen
    assert float(step.min()) >= 0.0
    assert 9e-4 < float(step.max()) <= 1e-3
    assert float((t + step).max()) <= 1.0


def test_a_shortcut_draws_steps_that_end_in_time() -> None:
    model = _build(Shortcut(steps=8))
    assert isinstance(model, ShortcutModel)
    t, step = model._draw_step(torch.zeros(4000, 2).double())
    assert float(t.min()) >= 0.0
    assert float((t + step).max()) <= 1.0
    assert float(step.min()) == pytest.approx(1 / 8, rel=0.01)
    assert float(step.max()) == pytest.approx(1.0, rel=0.01)
    assert float(step.log2().mean()) == pytest.approx(-1.5, abs=0.05)


def test_a_shortcut_targets_the_mean_of_two_half_steps() -> None:
    """u(x, t, t + d) = x + t + d, so u' = x + t + d/2 and u'' = x + d/2 u' + t + d."""
    model = _knowing(Shortcut(ema=0.0), lambda x, t, step: x + t[:, None] + step[:, None])
    assert isinstance(model, ShortcutModel)
    x, condition = torch.tensor([[1.0, 2.0]]).double(), torch.zeros(1, 3).double()
    t, step = torch.tensor([0.25]).double(), torch.tensor([0.5]).double()
    first = torch.tensor([[1.5, 2.5]]).double()
    second = torch.tensor([[1.0 + 0.375 + 0.75, 2.0 + 0.625 + 0.75]]).double()
    target = model._two_halves(x, t, step, condition)
    torch.testing.assert_close(target, 0.5 * (first + second))


def test_a_shortcut_clips_its_targets_if_asked_to() -> None:
    model = _knowing(Shortcut(ema=0.0, clip=0.5), lambda x, t, step: 3.0 * x)
    assert isinstance(model, ShortcutModel)
    (x, condition), t = _inputs(), torch.full((6,), 0.2).double()
    target = model._two_halves(x, t, t, condition)
    assert float(target.abs().max()) == 0.5


def test_a_shortcut_reads_a_step_under_its_base_step_as_none() -> None:
    model, (x_t, condition) = _build(Shortcut(steps=8)), _inputs()
    t = torch.tensor(0.3).double()
    velocity = model.velocity(x_t, t, condition)
    short = model.average_velocity(x_t, t, t + 0.1, condition)
    assert torch.equal(short, velocity)
    base = model.average_velocity(x_t, t, t + 0.125, condition)
    assert not torch.allclose(base, velocity)


def test_the_teacher_of_a_shortcut_follows_and_does_not_train() -> None:
    model = _build(Shortcut(ema=0.75))
    assert isinstance(model, ShortcutModel)
    assert model.teacher is not None
    before = [weight.clone() for weight in model.teacher.parameters()]
    for weight in model.network.parameters():
        weight.data.add_(1.0)
    model.after_step(0.5)
    for old, weight in zip(before, model.teacher.parameters(), strict=True):
        assert not weight.requires_grad
        torch.testing.assert_close(weight.data, old + 0.25)


def test_a_shortcut_without_a_teacher_keeps_no_copy() -> None:
    model = _build(Shortcut(ema=0.0))
    assert all(key.startswith("network.") for key in model.state_dict())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.after_step(0.5)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize(
    "network",
    [
        SMALL,
        ResidualMLP(),
        TemporalSpatialResidual(hidden=(16, 8), scale=0.5),
        Transformer(),
    ],
    ids=lambda network: type(network).__name__,
)
@pytest.mark.parametrize("shape", [(2,), (3, 2)], ids=["action", "chunk"])
def test_the_target_of_a_mean_flow_is_that_of_finite_differences(
    network: NetworkRecipe, shape: tuple[int, ...]
) -> None:
    model = _build(MeanFlow(), network, shape)
    assert isinstance(model, MeanFlowModel)
    with torch.no_grad():  # some networks begin at zero, which tells nothing
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    model.eval()
    torch.manual_seed(1)
    x_t, velocity = torch.randn(2, 4, *shape).double().unbind()
    condition = torch.randn(4, 3).double()
    t, s = torch.rand(2, 4).double().sort(0).values.unbind()
    average, target = model.identity(x_t, t, s, velocity, condition)
    h = 1e-5
    ahead = model.average_velocity(x_t + h * velocity, t + h, s, condition)
    behind = model.average_velocity(x_t - h * velocity, t - h, s, condition)
    change = (ahead - behind) / (2 * h)
    step = (s - t).reshape(-1, *[1] * len(shape))
    assert float(change.detach().abs().max()) > 1e-3
    torch.testing.assert_close(target, velocity + step * change, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(average, model.average_velocity(x_t, t, s, condition))
    assert average.requires_grad
    assert not target.requires_grad


def test_the_exact_average_velocity_is_a_fixed_point_of_a_mean_flow() -> None:
    """Along the marginal velocity the identity returns the average velocity itself."""
    average_of = _gaussian_average(0.5)
    model = _knowing(MeanFlow(), average_of)
    assert isinstance(model, MeanFlowModel)
    x_t, condition = _inputs()
    t, s = torch.linspace(0.0, 0.6, 6).double(), torch.linspace(0.7, 1.0, 6).double()
    velocity = average_of(x_t, t, torch.zeros_like(t))
    average, target = model.identity(x_t, t, s, velocity, condition)
    torch.testing.assert_close(average, target)


def test_logit_normal_times_lie_where_the_paper_has_them() -> None:
    model = _build(MeanFlow(times="logit-normal"))
    assert isinstance(model, MeanFlowModel)
    t = model._draw_time(torch.zeros(40_000, 2).double())
    logit = torch.log(t / (1 - t))
    assert float(logit.mean()) == pytest.approx(0.4, abs=0.02)
    assert float(logit.std()) == pytest.approx(1.0, abs=0.02)


def test_the_adaptive_weight_divides_a_rows_loss_by_its_squared_error() -> None:
    model = _build(MeanFlow(power=0.5, offset=0.25))
    assert isinstance(model, MeanFlowModel)
    error = torch.tensor([[0.0, 0.0], [3.0, 4.0]]).double().requires_grad_()
    loss = model._weighted(error)
    torch.testing.assert_close(loss, torch.tensor([0.0, 12.5 / math.sqrt(25.25)]).double())
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert error.grad is not None
    torch.testing.assert_close(error.grad[1], error.detach()[1] / math.sqrt(25.25))


@pytest.mark.parametrize(
    "recipe", [Shortcut(ema=0.9), MeanFlow(), Bidirectional()], ids=lambda r: type(r).__name__
)
@pytest.mark.slow
def test_any_number_of_jumps_has_the_mean_and_spread_of_the_data(recipe: BackboneRecipe) -> None:
    """One jump to the mean of all samples, the failure of such maps, has no spread."""
    torch.manual_seed(0)
    model = recipe.build(SampleSpec(sample_shape=(1,), condition_dim=1), MLP(hidden=(48, 48)))
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=3e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 400)
    for index in range(400):
        condition = torch.rand(256, 1) * 2 - 1
        sample = condition + 0.3 * torch.randn(256, 1)
        optimiser.zero_grad()
        model.matching_loss(sample, condition).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        decay.step()
        model.after_step((index + 1) / 400)
    assert isinstance(model, AverageVelocityModel)
    condition = torch.tensor([[-0.8], [0.8]]).repeat_interleave(2000, 0)
    noise = model.draw_noise(condition)
    for steps in (1, 2, 3, 8):
        with torch.no_grad():
            groups = Jump(steps=steps).sample(model, condition, noise).reshape(2, 2000)
        torch.testing.assert_close(groups.mean(1), torch.tensor([-0.8, 0.8]), rtol=0, atol=0.15)
        torch.testing.assert_close(groups.std(1), torch.tensor([0.3, 0.3]), rtol=0, atol=0.15)
