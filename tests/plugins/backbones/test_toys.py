"""How near every backbone's samples come to points in the plane within a stated budget.

Eight Gaussians on a circle, variance 1; a 2 x 64 perceptron, 1500 steps of 256 points. The limits
are about twice the worst of three seeds; that of fresh points of the data is below 0.001.
"""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from genpolicy.backbone import Backbone, BackboneRecipe, SampleSpec
from genpolicy.comparison.distances import energy_distance
from genpolicy.composition.choosing import choose_part
from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.recipe import make_recipe
from genpolicy.solver import Solver
from genpolicy_plugins.datasets.toys import draw
from genpolicy_plugins.networks.mlp import MLP

STEPS, BATCH, RATE = 1500, 256, 3e-3
LIMITS = {
    ("flow", "dpm-solver++:10"): 0.016,
    ("flow", "heun:5"): 0.016,
    ("ot-flow", "euler:2"): 0.017,
    ("diffusion", "dpm-solver++:10"): 0.026,
    ("diffusion head=noise", "rk4:10"): 0.018,
    ("diffusion path=gvp", "dpm-solver++:10"): 0.017,
    ("diffusion path=ve", "dpm-solver++:10"): 0.007,
    ("diffusion path=ve", "sde:40"): 0.008,
    ("consistency", "jump:1"): 0.033,
    ("consistency", "jump:2"): 0.012,
    ("trajectory", "jump:2"): 0.023,
    ("trajectory", "jump:5"): 0.020,
    ("trajectory path=linear", "jump:5"): 0.020,
    ("trajectory teacher=heun", "jump:1"): 0.028,
    ("shortcut", "jump:1"): 0.026,
    ("mean-flow", "jump:1"): 0.023,
    ("bidirectional", "jump:1"): 0.031,
    ("one-step", "jump"): 0.006,
}


def _points(count: int, seed: int) -> Tensor:
    return torch.from_numpy(draw("eight-gaussians", count, np.random.default_rng(seed)))


def _trained(backbone: str, seed: int = 0) -> Backbone:
    torch.manual_seed(seed)
    name, *options = backbone.split(" ")
    catalogue = load_catalogue()
    recipe = catalogue.load(catalogue.find("backbone", name), BackboneRecipe)
    given = dict(option.split("=") for option in options)
    network = MLP(hidden=(64, 64), activation="gelu")
    spec = SampleSpec(sample_shape=(2,), condition_dim=1)
    model = make_recipe(recipe, given, who=name).build(spec, network)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(weights, lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    pool, condition = _points(50_000, 0), torch.zeros(BATCH, 1)
    for step in range(STEPS):
        sample = pool[torch.randint(len(pool), (BATCH,))]
        optimiser.zero_grad()
        model.matching_loss(sample, condition).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        model.after_step((step + 1) / STEPS)
    return model


@torch.no_grad()
def _distance(model: Backbone, solver: str, count: int = 4000) -> float:
    part = choose_part(load_catalogue(), "solver", solver, {}).recipe
    assert isinstance(part, Solver)
    condition, generator = torch.zeros(count, 1), torch.Generator().manual_seed(0)
    noise = model.draw_noise(condition, generator)
    samples = part.sample(model, condition, noise, generator)
    return energy_distance(samples, _points(count, 1))


@pytest.mark.slow
@pytest.mark.parametrize("backbone", sorted({backbone for backbone, _ in LIMITS}))
def test_a_trained_backbone_comes_near_the_data(backbone: str) -> None:
    model = _trained(backbone)
    limits = {solver: limit for (name, solver), limit in LIMITS.items() if name == backbone}
    for solver, limit in limits.items():
        assert _distance(model, solver) < limit, solver


def test_fresh_points_are_nearer_than_any_limit() -> None:
    assert energy_distance(_points(4000, 2), _points(4000, 1)) < 0.001 < min(LIMITS.values())


@pytest.mark.slow
def test_the_plain_policies_are_as_far_off_as_their_best_fit() -> None:
    """A Gaussian can do no better than N(0, I) here, and a point no better than the mean."""
    best = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    fit = energy_distance(best, _points(4000, 1))
    assert _distance(_trained("gaussian"), "jump") == pytest.approx(fit, abs=0.01)
    mean = energy_distance(torch.zeros(4000, 2), _points(4000, 1))
    assert _distance(_trained("deterministic"), "jump") == pytest.approx(mean, abs=0.02)
    assert mean > fit > 0.03
    assert math.isclose(float(_points(50_000, 0).std()), 1.0, abs_tol=0.01)
