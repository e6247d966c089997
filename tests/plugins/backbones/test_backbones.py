"""Every backbone, found through the catalogue and in every variant of its own."""

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import (
    Backbone,
    BackboneRecipe,
    GaussianPathBackbone,
    SampleSpec,
    VelocityBackbone,
)
from genpolicy.composition.contract import provided_class
from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.errors import OptionError
from genpolicy.network import Network, NetworkRecipe, NetworkSpec
from genpolicy.recipe import make_recipe
from genpolicy_plugins.backbones.diffusion import Diffusion
from genpolicy_plugins.backbones.flow import Flow
from genpolicy_plugins.networks.mlp import MLP
from genpolicy_plugins.solvers.runge_kutta import Midpoint

VARIANTS: dict[str, tuple[str, Mapping[str, object]]] = {
    "flow": ("flow", {}),
    "flow-straight": ("flow", {"sigma": 0.0}),
    "vp-velocity": ("diffusion", {}),
    "vp-noise": ("diffusion", {"head": "noise"}),
    "gvp-velocity": ("diffusion", {"path": "gvp"}),
}
every_variant = pytest.mark.parametrize("variant", VARIANTS)
every_shape = pytest.mark.parametrize("shape", [(2,), (4, 2)], ids=["action", "chunk"])


def _recipe(variant: str) -> BackboneRecipe:
    catalogue = load_catalogue()
    name, options = VARIANTS[variant]
    recipe = catalogue.load(catalogue.find("backbone", name), BackboneRecipe)
    return make_recipe(recipe, options, who=name)


def _build(variant: str, shape: tuple[int, ...] = (2,)) -> Backbone:
    torch.manual_seed(0)
    spec = SampleSpec(sample_shape=shape, condition_dim=3)
    return _recipe(variant).build(spec, MLP(hidden=(8,), time_dim=4)).double()


def _inputs(shape: tuple[int, ...] = (2,), rows: int = 5) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(rows, *shape).double(), torch.randn(rows, 3).double()


def test_every_backbone_is_tried_here() -> None:
    known = {part.spec.name for part in load_catalogue().parts("backbone")}
    assert {name for name, _ in VARIANTS.values()} == known


@every_variant
def test_a_backbone_is_what_its_recipe_promises(variant: str) -> None:
    assert isinstance(_build(variant), provided_class(type(_recipe(variant))))


@every_variant
@every_shape
def test_the_matching_loss_is_one_finite_number_per_row(
    variant: str, shape: tuple[int, ...]
) -> None:
    loss = _build(variant, shape).matching_loss(*_inputs(shape))
    assert loss.shape == (5,)
    assert torch.isfinite(loss).all()
    assert (loss > 0).all()


@every_variant
@every_shape
def test_the_matching_loss_moves_every_weight(variant: str, shape: tuple[int, ...]) -> None:
    model = _build(variant, shape)
    model.matching_loss(*_inputs(shape)).mean().backward()  # type: ignore[no-untyped-call]
    for key, weight in model.named_parameters():
        assert weight.grad is not None, key
        assert torch.isfinite(weight.grad).all(), key
        assert weight.grad.abs().sum() > 0, key


@every_variant
def test_a_rows_loss_is_its_own(variant: str) -> None:
    """Whatever weight an objective multiplies a row's loss with, it meets that row's sample."""
    model, (sample, condition) = _build(variant), _inputs()
    torch.manual_seed(3)
    before = model.matching_loss(sample, condition)
    for tensor in (sample, condition):
        changed = tensor.clone()
        changed[1] += 1.0
        torch.manual_seed(3)
        pair = (changed, condition) if tensor is sample else (sample, changed)
        moved = (model.matching_loss(*pair) - before).abs() > 1e-12
        assert moved.tolist() == [False, True, False, False, False]


@every_variant
@every_shape
def test_a_rows_velocity_is_its_own(variant: str, shape: tuple[int, ...]) -> None:
    model, (x_t, condition) = _build(variant, shape), _inputs(shape)
    assert isinstance(model, VelocityBackbone)
    t, order = torch.tensor(0.4).double(), torch.tensor([3, 0, 4, 1, 2])
    whole = model.field(condition)(x_t, t)
    assert whole.shape == x_t.shape
    torch.testing.assert_close(model.field(condition[order])(x_t[order], t), whole[order])
    torch.testing.assert_close(model.field(condition[1:2])(x_t[1:2], t), whole[1:2])
    torch.testing.assert_close(model.velocity(x_t, t.expand(5), condition), whole)


@every_variant
def test_the_velocity_is_finite_at_both_ends(variant: str) -> None:
    model, (x_t, condition) = _build(variant), _inputs()
    assert isinstance(model, VelocityBackbone)
    for end in model.time_span:
        assert torch.isfinite(model.velocity(x_t, torch.tensor(end).double(), condition)).all()


@every_variant
def test_denoiser_and_score_follow_from_the_velocity(variant: str) -> None:
    model, (x_t, condition) = _build(variant), _inputs()
    assert isinstance(model, GaussianPathBackbone)
    t = torch.full((5,), 0.4).double()
    data, score = model.denoiser(x_t, t, condition), model.score(x_t, t, condition)
    alpha, sigma = model.path.alpha(t)[:, None], model.path.sigma(t)[:, None]
    torch.testing.assert_close(alpha * data - sigma**2 * score, x_t)  # Tweedie's formula
    velocity = model.path.velocity_from_data(x_t, data, t)
    torch.testing.assert_close(velocity, model.velocity(x_t, t, condition))


@every_variant
def test_noise_has_the_spread_of_the_path_and_a_row_per_condition(variant: str) -> None:
    model = _build(variant, (4, 2))
    torch.manual_seed(0)
    noise = model.draw_noise(torch.zeros(4000, 3))
    assert noise.shape == (4000, 4, 2)
    assert float(noise.std()) == pytest.approx(model.prior_std, rel=0.02)


@every_variant
def test_noise_comes_from_the_generator_that_is_given(variant: str) -> None:
    model, condition = _build(variant), torch.zeros(3, 3)
    before = torch.get_rng_state()
    one = model.draw_noise(condition, torch.Generator().manual_seed(5))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, model.draw_noise(condition, torch.Generator().manual_seed(5)))
    torch.manual_seed(5)
    assert torch.equal(one, model.draw_noise(condition))


class _Zero(Network):
    """Predicts nothing."""

    def encode(self, condition: Tensor) -> Tensor:
        return condition

    def forward(self, sample: Tensor, context: Tensor, *times: Tensor) -> Tensor:
        return torch.zeros_like(sample)


class _ZeroRecipe(NetworkRecipe):
    def build(self, spec: NetworkSpec) -> Network:
        return _Zero()


def _mean_loss_of_nothing(recipe: BackboneRecipe) -> float:
    """The mean loss of a zero network on the sample (1, 2), over many times and noises."""
    model = recipe.build(SampleSpec(sample_shape=(2,), condition_dim=1), _ZeroRecipe())
    torch.manual_seed(0)
    rows = torch.tensor([[1.0, 2.0]]).double().expand(200_000, 2)
    return float(model.matching_loss(rows, torch.zeros(200_000, 1)).mean())


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        # half of E|a - z|^2 = |a|^2 + 2
        (Flow(sigma=0.0), 0.5 * (5 + 2)),
        # the noise part is 2 E[(1 - t)^2 / ((1 - t)^2 + sigma^2)] = 2 (1 - sigma arctan(1 / sigma))
        (Flow(sigma=0.5), 0.5 * (5 + 2 * (1 - 0.5 * math.atan(2.0)))),
        # E cos^2 = E sin^2 = 1 / 2 in d_alpha = (pi / 2) cos, d_sigma = -(pi / 2) sin
        (Diffusion(path="gvp"), 0.5 * (math.pi / 2) ** 2 * 0.5 * (5 + 2)),
        # half of E|z|^2
        (Diffusion(path="vp", head="noise"), 0.5 * 2),
    ],
    ids=str,
)
def test_the_matching_loss_is_half_the_squared_error_summed_over_dimensions(
    recipe: BackboneRecipe, expected: float
) -> None:
    assert _mean_loss_of_nothing(recipe) == pytest.approx(expected, rel=0.01)


def test_the_mean_target_of_a_vp_velocity_is_the_paths_own_derivative() -> None:
    recipe = Diffusion(path="vp", epsilon=0.2)
    path = recipe.build(SampleSpec(sample_shape=(2,), condition_dim=1), _ZeroRecipe()).path
    t = torch.linspace(0, 0.8, 10_001).double()
    known = 0.5 * (5 * path.d_alpha(t) ** 2 + 2 * path.d_sigma(t) ** 2).mean()
    assert _mean_loss_of_nothing(recipe) == pytest.approx(float(known), rel=0.01)


@every_variant
@pytest.mark.slow
def test_a_trained_backbone_has_the_mean_and_spread_of_its_data(variant: str) -> None:
    torch.manual_seed(0)
    spec = SampleSpec(sample_shape=(1,), condition_dim=1)
    model = _recipe(variant).build(spec, MLP(hidden=(48, 48)))
    assert isinstance(model, VelocityBackbone)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(400):
        condition = torch.rand(256, 1) * 2 - 1
        sample = condition + 0.3 * torch.randn(256, 1)
        optimiser.zero_grad()
        model.matching_loss(sample, condition).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    condition = torch.tensor([[-0.8], [0.8]]).repeat_interleave(2000, 0)
    with torch.no_grad():
        drawn = Midpoint(steps=20).sample(model, condition, model.draw_noise(condition))
    groups = drawn.reshape(2, 2000)
    torch.testing.assert_close(groups.mean(1), torch.tensor([-0.8, 0.8]), rtol=0, atol=0.1)
    torch.testing.assert_close(groups.std(1), torch.tensor([0.3, 0.3]), rtol=0, atol=0.1)


def test_gvp_refuses_to_predict_noise() -> None:
    with pytest.raises(OptionError, match="gvp keeps none: take head=velocity or path=vp"):
        make_recipe(Diffusion, {"path": "gvp", "head": "noise"}, who="backbone diffusion")
