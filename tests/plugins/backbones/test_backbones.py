"""Every backbone, found through the catalogue and in every variant of its own."""

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import Backbone, BackboneRecipe, SampleSpec, VelocityBackbone
from genpolicy.composition.choosing import choose_part
from genpolicy.composition.contract import provided_class
from genpolicy.density import log_prob, sample_with_log_prob
from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.errors import OptionError
from genpolicy.network import Network, NetworkRecipe, NetworkSpec
from genpolicy.recipe import make_recipe
from genpolicy.solver import Solver
from genpolicy.testing import BackboneSuite
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


every_velocity = pytest.mark.parametrize(
    "variant",
    [n for n in VARIANTS if issubclass(provided_class(type(_recipe(n))), VelocityBackbone)],
)


SLOW_LEARNERS = {
    "consistency-without-teacher",  # it drifts without a slow copy at this learning rate
    "mean-flow-weighted",  # its weights draw the mean of a target towards its mode
}


class TestEveryBackbone(BackboneSuite):
    @pytest.fixture(params=[name for name in VARIANTS if name not in SLOW_LEARNERS])
    def part(self, request: pytest.FixtureRequest) -> BackboneRecipe:
        return _recipe(request.param)


class TestSlowLearners(BackboneSuite):
    distance = 0.05

    @pytest.fixture(params=sorted(SLOW_LEARNERS))
    def part(self, request: pytest.FixtureRequest) -> BackboneRecipe:
        return _recipe(request.param)


def _build(variant: str) -> Backbone:
    torch.manual_seed(0)
    spec = SampleSpec(sample_shape=(2,), condition_dim=3)
    return _recipe(variant).build(spec, MLP(hidden=(8,), time_dim=4)).double()


def _inputs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(5, 2).double(), torch.randn(5, 3).double()


def test_every_backbone_is_tried_here() -> None:
    known = {part.spec.name for part in load_catalogue().parts("backbone")}
    assert {name for name, _ in VARIANTS.values()} == known


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


@pytest.mark.parametrize("variant", [name for name, (_, given) in VARIANTS.items() if not given])
@pytest.mark.slow
def test_a_trained_backbone_has_the_mean_and_spread_that_its_condition_calls_for(
    variant: str,
) -> None:
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
