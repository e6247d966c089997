"""The plain policies: a Gaussian, a regression, and noise sent straight to a sample."""

import math

import pytest
import torch
from torch import Tensor, nn

from genpolicy.backbone import BackboneRecipe, SampleSpec
from genpolicy.errors import OptionError
from genpolicy.network import Network, NetworkRecipe, NetworkSpec
from genpolicy.recipe import make_recipe
from genpolicy_plugins.backbones.deterministic import Deterministic
from genpolicy_plugins.backbones.gaussian import Gaussian, GaussianModel
from genpolicy_plugins.backbones.one_step import OneStep, OneStepModel, energy_score
from genpolicy_plugins.networks.mlp import MLP

every_shape = pytest.mark.parametrize("shape", [(2,), (4, 2)], ids=["action", "chunk"])


class _Constant(Network):
    """Returns the same whatever it is shown; tells what it was shown."""

    def __init__(self, spec: NetworkSpec, value: float) -> None:
        super().__init__()
        self.spec = spec
        self.value = nn.Parameter(torch.full(spec.output_shape or spec.sample_shape, value))
        self.shown: list[Tensor] = []

    def encode(self, condition: Tensor) -> Tensor:
        return condition

    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        self.shown.append(sample)
        return self.value.expand(len(sample), *self.value.shape)


class _Scale(Network):
    """Multiplies the sample with one weight."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def encode(self, condition: Tensor) -> Tensor:
        return condition

    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        return self.weight * sample


class _ConstantRecipe(NetworkRecipe):
    def build(self, spec: NetworkSpec) -> Network:
        return _Constant(spec, 0.0)


def _gaussian(recipe: Gaussian, shape: tuple[int, ...] = (2,)) -> GaussianModel:
    torch.manual_seed(0)
    spec = SampleSpec(sample_shape=shape, condition_dim=3)
    return recipe.build(spec, MLP(hidden=(8,))).double()


def _inputs(shape: tuple[int, ...] = (2,), rows: int = 5) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(rows, *shape).double(), torch.randn(rows, 3).double()


@pytest.mark.parametrize("recipe", [Gaussian(), Gaussian(std="shared"), Deterministic()], ids=str)
@every_shape
def test_a_network_without_a_sample_to_look_at_is_shown_ones_and_told_no_time(
    recipe: Gaussian | Deterministic, shape: tuple[int, ...]
) -> None:
    model = recipe.build(SampleSpec(sample_shape=shape, condition_dim=3), _ConstantRecipe())
    sample, condition = _inputs(shape)
    model.transport(sample, condition)
    assert isinstance(model.network, _Constant)
    assert model.network.spec.times == 0
    (shown,) = model.network.shown
    assert torch.equal(shown, torch.ones(5, *shape).double())


@pytest.mark.parametrize("recipe", [Gaussian(), Deterministic(), OneStep()], ids=str)
def test_plain_policies_are_served_by_one_jump(recipe: BackboneRecipe) -> None:
    assert recipe.default_solver == "jump"


def _normal_log_prob(value: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    normal = torch.distributions.Normal(mean, std)
    log_prob: Tensor = normal.log_prob(value)  # type: ignore[no-untyped-call]
    return log_prob.flatten(1).sum(1)


@pytest.mark.parametrize("recipe", [Gaussian(), Gaussian(std="shared")], ids=str)
@every_shape
def test_the_log_prob_is_that_of_torchs_normal(recipe: Gaussian, shape: tuple[int, ...]) -> None:
    model, (sample, condition) = _gaussian(recipe, shape), _inputs(shape)
    mean, log_std = model.moments(condition)
    known = _normal_log_prob(sample, mean, log_std.exp())
    torch.testing.assert_close(model.log_prob(sample, condition), known)
    torch.testing.assert_close(model.matching_loss(sample, condition), -known)


def test_the_loss_of_a_standard_normal_is_written_out() -> None:
    recipe = Gaussian(log_std_min=-2.0, log_std_max=2.0)
    model = recipe.build(SampleSpec(sample_shape=(2,), condition_dim=1), _ConstantRecipe())
    loss = model.matching_loss(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 1))
    assert loss.tolist() == pytest.approx([0.5 * (1 + 4) + math.log(2 * math.pi)])


@every_shape
def test_the_log_prob_is_the_density_of_what_noise_becomes(shape: tuple[int, ...]) -> None:
    """By the change of variables, one row at a time."""
    model, (noise, condition) = _gaussian(Gaussian(), shape), _inputs(shape)
    prior = _normal_log_prob(noise, torch.zeros_like(noise), torch.ones_like(noise))
    for row in range(len(noise)):
        one = condition[row : row + 1]
        slope = torch.func.jacrev(lambda z, c=one: model.transport(z[None], c)[0])(noise[row])
        log_det = torch.linalg.slogdet(slope.reshape(noise[row].numel(), -1)).logabsdet
        density = model.log_prob(model.transport(noise[row : row + 1], one), one)
        torch.testing.assert_close(density, (prior[row] - log_det)[None])


def test_a_log_std_stays_within_its_bounds_and_keeps_a_gradient() -> None:
    model = _gaussian(Gaussian(std="shared", log_std_min=-3.0, log_std_max=1.0))
    assert model.shared_log_std is not None
    raw = torch.tensor([-9.0, 4.0]).double()
    model.shared_log_std.data = raw
    _, log_std = model.moments(torch.zeros(1, 3).double())
    torch.testing.assert_close(log_std[0], -1.0 + 2.0 * torch.tanh((raw + 1.0) / 2.0))
    assert ((log_std > -3.0) & (log_std < 1.0)).all()
    log_std.sum().backward()  # type: ignore[no-untyped-call]
    assert model.shared_log_std.grad is not None
    assert (model.shared_log_std.grad > 0).all()


def test_a_log_std_far_from_its_bounds_is_what_the_network_says() -> None:
    model = _gaussian(Gaussian(std="shared", log_std_min=-50.0, log_std_max=50.0))
    assert model.shared_log_std is not None
    model.shared_log_std.data = torch.tensor([-1.5, 0.5]).double()
    _, log_std = model.moments(torch.zeros(1, 3).double())
    torch.testing.assert_close(log_std[0], model.shared_log_std.data, rtol=0, atol=1e-3)


def test_a_shared_std_is_that_of_every_condition_and_one_of_the_state_is_not() -> None:
    _, condition = _inputs()
    _, shared = _gaussian(Gaussian(std="shared")).moments(condition)
    _, of_state = _gaussian(Gaussian()).moments(condition)
    assert torch.equal(shared, shared[:1].expand_as(shared))
    assert (of_state[1:] != of_state[:1]).all()


@pytest.mark.parametrize("recipe", [Gaussian(tanh=True), Deterministic(tanh=True)], ids=str)
def test_a_mean_may_be_squashed(recipe: Gaussian | Deterministic) -> None:
    spec, condition = SampleSpec(sample_shape=(2,), condition_dim=3), torch.zeros(1, 3)
    model = recipe.build(spec, _ConstantRecipe())
    assert isinstance(model.network, _Constant)
    model.network.value.data.fill_(0.5)
    mean = model.transport(torch.zeros(1, 2), condition)
    torch.testing.assert_close(mean, torch.full((1, 2), math.tanh(0.5)))


def test_log_stds_that_are_out_of_order_are_refused() -> None:
    options = {"log_std_min": 1.0, "log_std_max": 1.0}
    with pytest.raises(OptionError, match=r"lies below log_std_max; got 1\.0 and 1\.0"):
        make_recipe(Gaussian, options, who="backbone gaussian")


def test_a_regression_forgets_the_noise_and_loses_half_the_squared_error() -> None:
    spec, condition = SampleSpec(sample_shape=(2,), condition_dim=1), torch.zeros(1, 1)
    model = Deterministic().build(spec, _ConstantRecipe())
    sample = torch.tensor([[1.0, 2.0]])
    assert model.matching_loss(sample, condition).tolist() == [2.5]
    assert torch.equal(model.transport(sample, condition), torch.zeros(1, 2))


def test_the_energy_score_is_written_out() -> None:
    drawn = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]]]).double()
    sample = torch.tensor([[0.0, 4.0]]).double()
    to_sample, apart = (4 + 3 + 0) / 3, (5 + 4 + 3) / 3
    score = energy_score(drawn, sample, power=1.0)
    assert score.tolist() == pytest.approx([to_sample - 0.5 * apart], abs=1e-5)
    to_sample, apart = (8 + 27**0.5 + 0) / 3, (5**1.5 + 8 + 27**0.5) / 3
    score = energy_score(drawn, sample, power=1.5)
    assert score.tolist() == pytest.approx([to_sample - 0.5 * apart], abs=1e-5)


@pytest.mark.parametrize("draws", [2, 5])
def test_the_energy_score_is_unbiased_whatever_the_draws(draws: int) -> None:
    torch.manual_seed(0)
    drawn = torch.randn(200_000 // draws, draws, 1).double()
    mean = energy_score(drawn, torch.zeros(len(drawn), 1).double(), 1.0).mean()
    # E|x| - E|x - x'| / 2 of a standard normal
    known = math.sqrt(2 / math.pi) - 1 / math.sqrt(math.pi)
    assert float(mean) == pytest.approx(known, abs=0.01)


@pytest.mark.parametrize("power", [0.1, 1.0, 1.9])
def test_the_gradient_of_the_energy_score_is_finite_where_samples_meet(power: float) -> None:
    drawn = torch.zeros(1, 3, 2, requires_grad=True)
    score = energy_score(drawn, torch.zeros(1, 2), power)
    score.sum().backward()  # type: ignore[no-untyped-call]
    assert score.tolist() == pytest.approx([0.0], abs=1e-6)
    assert drawn.grad is not None
    assert torch.equal(drawn.grad, torch.zeros(1, 3, 2))


@pytest.mark.parametrize("power", [0.5, 1.0, 1.5])
def test_the_energy_score_is_least_at_the_spread_of_the_data(power: float) -> None:
    """Which a squared error is not, whose best has no spread at all."""
    scores = []
    for spread in (0.0, 0.5, 0.8, 1.0, 1.25, 2.0):
        network = _Scale(spread / 4.0)
        model = OneStepModel((1,), network, draws=2, power=power, noise_scale=4.0).double()
        torch.manual_seed(0)
        data = torch.randn(100_000, 1).double()
        scores.append(float(model.matching_loss(data, torch.zeros_like(data)).mean().detach()))
    assert scores.index(min(scores)) == 3
    assert scores == [*sorted(scores[:4], reverse=True), *sorted(scores[4:])]


@every_shape
def test_a_one_step_model_is_its_network_of_scaled_noise(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    spec = SampleSpec(sample_shape=shape, condition_dim=3)
    model = OneStep(noise_scale=3.0).build(spec, MLP(hidden=(8,))).double()
    noise, condition = _inputs(shape)
    known = model.network(3.0 * noise, model.network.encode(condition))
    assert torch.equal(model.transport(noise, condition), known)


def test_the_loss_of_a_one_step_model_is_the_score_of_what_it_sends_noise_to() -> None:
    torch.manual_seed(0)
    spec = SampleSpec(sample_shape=(4, 2), condition_dim=3)
    model = OneStep(draws=3, power=1.5).build(spec, MLP(hidden=(8,))).double()
    sample, condition = _inputs((4, 2))
    torch.manual_seed(2)
    loss = model.matching_loss(sample, condition)
    torch.manual_seed(2)
    repeated = condition.repeat_interleave(3, 0)
    drawn = model.transport(model.draw_noise(repeated), repeated).reshape(5, 3, 8)
    torch.testing.assert_close(loss, energy_score(drawn, sample.flatten(1), 1.5))


@pytest.mark.slow
def test_a_trained_one_step_model_finds_both_modes() -> None:
    """Half of the data lies at -1 and half at 1; a squared error would answer 0."""
    torch.manual_seed(0)
    model = OneStep().build(SampleSpec(sample_shape=(1,), condition_dim=1), MLP(hidden=(64, 64)))
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(600):
        sample = torch.randint(2, (128, 1)) * 2.0 - 1.0 + 0.1 * torch.randn(128, 1)
        optimiser.zero_grad()
        model.matching_loss(sample, torch.zeros(128, 1)).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    condition = torch.zeros(4000, 1)
    with torch.no_grad():
        drawn = model.transport(model.draw_noise(condition), condition)
    near = ((drawn.abs() - 1.0).abs() < 0.3).float().mean()
    assert float(near) > 0.65  # of the best Gaussian, N(0, 1), 0.29
    assert float((drawn > 0).float().mean()) == pytest.approx(0.5, abs=0.06)
