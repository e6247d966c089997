"""Every backbone, found through the catalogue and in every variant of its own."""

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import (
    Backbone,
    BackboneRecipe,
    ConsistencyBackbone,
    DenoiserBackbone,
    FlowMapBackbone,
    GaussianPathBackbone,
    OneStepBackbone,
    SampleSpec,
    VelocityBackbone,
)
from genpolicy.composition.choosing import choose_part
from genpolicy.composition.contract import provided_class
from genpolicy.density import log_prob, sample_with_log_prob
from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.errors import OptionError
from genpolicy.network import Network, NetworkRecipe, NetworkSpec
from genpolicy.recipe import make_recipe
from genpolicy.solver import Solver
from genpolicy_plugins.backbones.consistency import Consistency
from genpolicy_plugins.backbones.diffusion import Diffusion
from genpolicy_plugins.backbones.flow import Flow
from genpolicy_plugins.backbones.trajectory import Trajectory
from genpolicy_plugins.networks.mlp import MLP, MLPNetwork
from genpolicy_plugins.solvers.runge_kutta import RK4

VARIANTS: dict[str, tuple[str, Mapping[str, object]]] = {
    "flow": ("flow", {}),
    "flow-straight": ("flow", {"sigma": 0.0}),
    "vp-velocity": ("diffusion", {}),
    "vp-noise": ("diffusion", {"head": "noise"}),
    "vp-denoiser": ("diffusion", {"head": "denoiser", "times": "log-normal"}),
    "gvp-velocity": ("diffusion", {"path": "gvp"}),
    "gvp-denoiser": ("diffusion", {"path": "gvp", "head": "denoiser"}),
    "edm": ("diffusion", {"path": "ve"}),
    "consistency": ("consistency", {}),
    "consistency-plain": (
        "consistency",
        {"distance": "squared", "levels": "uniform", "weighting": "uniform"},
    ),
    "consistency-without-teacher": ("consistency", {"ema": 0.0}),
    "trajectory": ("trajectory", {}),
    "trajectory-linear-euler": ("trajectory", {"path": "linear", "teacher": "euler"}),
    "trajectory-heun": ("trajectory", {"teacher": "heun"}),
    "trajectory-linear-semigroup": ("trajectory", {"path": "linear", "teacher": "semigroup"}),
    "one-step": ("one-step", {}),
    "gaussian": ("gaussian", {}),
    "gaussian-shared": ("gaussian", {"std": "shared", "tanh": True}),
    "deterministic": ("deterministic", {}),
    "ot-flow": ("ot-flow", {}),
    "shortcut": ("shortcut", {}),
    "shortcut-without-teacher": ("shortcut", {"ema": 0.0, "clip": 4.0}),
    "mean-flow": ("mean-flow", {}),
    "mean-flow-weighted": ("mean-flow", {"times": "logit-normal", "power": 0.5}),
    "bidirectional": ("bidirectional", {}),
}


def _recipe(variant: str) -> BackboneRecipe:
    catalogue = load_catalogue()
    name, options = VARIANTS[variant]
    recipe = catalogue.load(catalogue.find("backbone", name), BackboneRecipe)
    return make_recipe(recipe, options, who=name)


def _able(*abilities: type) -> pytest.MarkDecorator:
    """Every variant whose recipe promises these abilities."""
    names = [n for n in VARIANTS if issubclass(provided_class(type(_recipe(n))), abilities)]
    return pytest.mark.parametrize("variant", names)


every_variant = _able(Backbone)
every_independent_variant = pytest.mark.parametrize(
    "variant",
    [name for name in VARIANTS if name != "ot-flow"],  # which pairs rows on the host
)
every_velocity = _able(VelocityBackbone)
every_one_step = _able(OneStepBackbone)
every_map = _able(FlowMapBackbone)
every_shape = pytest.mark.parametrize(
    "shape", [(2,), (4, 2), (6, 5)], ids=["action", "chunk", "plan"]
)


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
        if not weight.requires_grad:
            assert weight.grad is None, key
            continue
        assert weight.grad is not None, key
        assert torch.isfinite(weight.grad).all(), key
        assert weight.grad.abs().sum() > 0, key


@every_independent_variant
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


@every_independent_variant
def test_the_matching_loss_stays_on_its_device(variant: str) -> None:
    """On the meta device tensors have no values: whatever reads or moves one fails."""
    spec = SampleSpec(sample_shape=(2,), condition_dim=3)
    model = _recipe(variant).build(spec, MLP(hidden=(8,), time_dim=4)).to("meta")
    sample, condition = torch.empty(8, 2, device="meta"), torch.empty(8, 3, device="meta")
    loss = model.matching_loss(sample, condition)
    model.after_step(0.5)
    assert loss.device.type == "meta"


TAUGHT = {
    "consistency": 1,
    "consistency-without-teacher": 1,
    "trajectory": 2,
    "trajectory-heun": 2,
    "trajectory-linear-semigroup": 2,
    "shortcut": 2,
    "shortcut-without-teacher": 2,
    "bidirectional": 2,
}
"""Evaluations of a network that a loss differentiates; all others only teach."""


@pytest.mark.parametrize("variant", TAUGHT)
def test_what_teaches_takes_no_gradient(variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graded: list[bool] = []
    evaluate = MLPNetwork.forward

    def forward(self: MLPNetwork, *inputs: Tensor) -> Tensor:
        graded.append(torch.is_grad_enabled())
        return evaluate(self, *inputs)

    monkeypatch.setattr(MLPNetwork, "forward", forward)
    _build(variant).matching_loss(*_inputs())
    assert graded.count(True) == TAUGHT[variant]
    assert graded.count(False) > 0


@every_variant
def test_a_model_is_its_state(variant: str) -> None:
    model, other = _build(variant), _build(variant)
    for weight in model.parameters():
        weight.data.add_(0.1)
    model.after_step(0.6)
    other.load_state_dict(model.state_dict())
    losses = []
    for each in (model, other):
        torch.manual_seed(4)
        losses.append(each.matching_loss(*_inputs()))
    assert torch.equal(*losses)


@every_velocity
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


@every_velocity
def test_the_velocity_is_finite_at_both_ends(variant: str) -> None:
    model, (x_t, condition) = _build(variant), _inputs()
    assert isinstance(model, VelocityBackbone)
    for end in model.time_span:
        assert torch.isfinite(model.velocity(x_t, torch.tensor(end).double(), condition)).all()


@_able(DenoiserBackbone)
def test_the_denoiser_follows_from_the_velocity(variant: str) -> None:
    model, (x_t, condition) = _build(variant), _inputs()
    assert isinstance(model, DenoiserBackbone)
    t = torch.full((5,), 0.4).double()
    data = model.denoiser(x_t, t, condition)
    velocity = model.path.velocity_from_data(x_t, data, t)
    torch.testing.assert_close(velocity, model.velocity(x_t, t, condition))


@_able(GaussianPathBackbone)
def test_denoiser_and_score_agree(variant: str) -> None:
    model, (x_t, condition) = _build(variant), _inputs()
    assert isinstance(model, GaussianPathBackbone)
    t = torch.full((5,), 0.4).double()
    data, score = model.denoiser(x_t, t, condition), model.score(x_t, t, condition)
    alpha, sigma = model.path.alpha(t)[:, None], model.path.sigma(t)[:, None]
    torch.testing.assert_close(alpha * data - sigma**2 * score, x_t)  # Tweedie's formula


@every_one_step
@every_shape
def test_noise_is_sent_to_one_sample_per_row(variant: str, shape: tuple[int, ...]) -> None:
    model, (noise, condition) = _build(variant, shape), _inputs(shape)
    assert isinstance(model, OneStepBackbone)
    order = torch.tensor([3, 0, 4, 1, 2])
    whole = model.transport(noise, condition)
    assert whole.shape == noise.shape
    torch.testing.assert_close(model.transport(noise[order], condition[order]), whole[order])
    torch.testing.assert_close(model.transport(noise[1:2], condition[1:2]), whole[1:2])


@_able(ConsistencyBackbone)
def test_the_end_of_the_path_is_sent_to_itself(variant: str) -> None:
    model, (x_t, condition) = _build(variant), _inputs()
    assert isinstance(model, ConsistencyBackbone)
    end = torch.tensor(model.path.end).double()
    torch.testing.assert_close(model.endpoint(x_t, end, condition), x_t)
    start = torch.tensor(model.path.start).double()
    sent = model.endpoint(x_t, start, condition)
    torch.testing.assert_close(model.transport(x_t, condition), sent)


@every_map
@every_shape
def test_a_jump_in_no_time_goes_nowhere(variant: str, shape: tuple[int, ...]) -> None:
    model, (x_t, condition) = _build(variant, shape), _inputs(shape)
    assert isinstance(model, FlowMapBackbone)
    for t in (model.path.start, 0.1, 0.7, model.path.end):
        now = torch.tensor(t).double()
        torch.testing.assert_close(model.jump(x_t, now, now, condition), x_t)


@every_map
def test_a_rows_jump_is_its_own(variant: str) -> None:
    model, (x_t, condition) = _build(variant), _inputs()
    assert isinstance(model, FlowMapBackbone)
    t, s = torch.linspace(0.1, 0.5, 5).double(), torch.linspace(0.9, 0.6, 5).double()
    order = torch.tensor([3, 0, 4, 1, 2])
    whole = model.jump(x_t, t, s, condition)
    again = model.jump(x_t[order], t[order], s[order], condition[order])
    torch.testing.assert_close(again, whole[order])
    torch.testing.assert_close(model.jump(x_t[:1], t[0], s[0], condition[:1]), whole[:1])
    assert ((whole - x_t).abs().amax(1) > 1e-6).all()


@every_map
def test_a_short_jump_follows_the_velocity(variant: str) -> None:
    """Where a flow map knows its velocity, that is the limit of its jumps."""
    model, (x_t, condition) = _build(variant), _inputs()
    assert isinstance(model, FlowMapBackbone)
    if isinstance(model, VelocityBackbone):
        t, h = torch.tensor(0.4).double(), 1e-6
        slope = (model.jump(x_t, t, t + h, condition) - x_t) / h
        velocity = model.velocity(x_t, t, condition)
        torch.testing.assert_close(slope, velocity, rtol=1e-4, atol=1e-4)


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


@every_velocity
def test_the_density_of_a_sample_is_the_one_that_it_was_drawn_with(variant: str) -> None:
    model, (_, condition) = _build(variant), _inputs()
    assert isinstance(model, VelocityBackbone)
    noise, solver = model.draw_noise(condition), RK4(steps=200)
    sample, drawn = sample_with_log_prob(model, condition, noise, solver)
    found = log_prob(model, sample, condition, solver)
    torch.testing.assert_close(found, drawn, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "variant",
    # without a slow copy it drifts at this learning rate, and needs more steps than a test has
    [name for name in VARIANTS if name != "consistency-without-teacher"],
)
@pytest.mark.slow
def test_a_trained_backbone_has_the_mean_and_spread_of_its_data(variant: str) -> None:
    model = _trained(variant)
    condition = torch.tensor([[-0.8], [0.8]]).repeat_interleave(2000, 0)
    catalogue = load_catalogue()
    solver = choose_part(catalogue, "solver", _recipe(variant).default_solver, {}).recipe
    assert isinstance(solver, Solver)
    with torch.no_grad():
        drawn = solver.sample(model, condition, model.draw_noise(condition))
    groups = drawn.reshape(2, 2000)
    spread = 0.0 if variant == "deterministic" else 0.3
    torch.testing.assert_close(groups.mean(1), torch.tensor([-0.8, 0.8]), rtol=0, atol=0.12)
    torch.testing.assert_close(groups.std(1), torch.full((2,), spread), rtol=0, atol=0.12)


def _trained(variant: str, steps: int = 1200) -> Backbone:
    """A model of a = condition + 0.3 noise, with a condition between -1 and 1."""
    torch.manual_seed(0)
    spec = SampleSpec(sample_shape=(1,), condition_dim=1)
    model = _recipe(variant).build(spec, MLP(hidden=(48, 48)))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(weights, lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        condition = torch.rand(256, 1) * 2 - 1
        sample = condition + 0.3 * torch.randn(256, 1)
        optimiser.zero_grad()
        model.matching_loss(sample, condition).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        model.after_step((step + 1) / steps)
    return model


def test_gvp_refuses_to_predict_noise() -> None:
    with pytest.raises(OptionError, match="gvp keeps none: take head=velocity, head=denoiser"):
        make_recipe(Diffusion, {"path": "gvp", "head": "noise"}, who="backbone diffusion")


@pytest.mark.parametrize("head", ["noise", "velocity"])
def test_ve_refuses_to_predict_what_is_not_preconditioned(head: str) -> None:
    with pytest.raises(OptionError, match=r"those of ve run to 80.0: take head=denoiser"):
        make_recipe(Diffusion, {"path": "ve", "head": head}, who="backbone diffusion")


@pytest.mark.parametrize("recipe", [Diffusion, Consistency, Trajectory])
def test_noise_that_does_not_fall_is_refused(recipe: type[BackboneRecipe]) -> None:
    with pytest.raises(OptionError, match=r"sigma_max must exceed sigma_min; got 1\.0 and 1\.0"):
        make_recipe(recipe, {"sigma_min": 1.0, "sigma_max": 1.0}, who="backbone")


@pytest.mark.parametrize("recipe", [Consistency, Trajectory])
def test_a_grid_that_shrinks_is_refused(recipe: type[BackboneRecipe]) -> None:
    with pytest.raises(OptionError, match="grid_last is no smaller than grid_first; got 4 and 8"):
        make_recipe(recipe, {"grid_first": 8, "grid_last": 4}, who="backbone")
