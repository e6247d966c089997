"""Training stays on the device that it was given, as far as that shows without an accelerator.

On torch's ``meta`` device tensors have shapes and no values: whatever reads one on the host, or
mixes it with a tensor of another device, fails.
"""

import pytest
import torch

from genpolicy.agent import shapes_of
from genpolicy.composition.layers import from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.dataset import DatasetRecipe
from genpolicy.discovery import load_catalogue
from genpolicy.training.learner import Learner, stages_of
from genpolicy.training.sampler import Sampler

META = torch.device("meta")
SMALL = ("network.hidden=8,8",)


@pytest.fixture
def unfused(monkeypatch):
    """Fused optimisers know real devices alone."""
    adam = torch.optim.Adam
    monkeypatch.setattr(torch.optim, "Adam", lambda weights, lr, fused: adam(weights, lr))


@pytest.mark.parametrize(
    "arguments",
    [
        ("objective=bc", "backbone=diffusion", "backbone.head=noise"),
        ("objective=bc", "network=temporal-spatial-residual"),
        ("objective=gmpo", "train.ema=0.9", "train.clip_norm=1"),
        ("objective=gmpg",),
        ("objective=gmpg", "objective.kl=path"),
        *((f"objective={name}",) for name in ("gtp", "qgpo", "fql", "gfp", "srpo", "qam", "edp")),
        ("objective=gmpg", "objective.exact_divergence=false", "backbone=diffusion", "solver=rk4"),
    ],
)
def test_a_step_stays_on_its_device(arguments, unfused):
    recipe = resolve(load_catalogue(), [from_arguments([*SMALL, *arguments])])
    dataset = recipe.part("dataset", DatasetRecipe).load()
    learner, sampler = Learner(recipe, shapes_of(dataset), META), Sampler(dataset, META)
    for number, stage in enumerate(stages_of(recipe.objective)):
        updates = learner.enter(number, stage)
        for _ in range(2):
            learner.take_step(sampler.draw(8), updates)
        assert learner.means.total is not None
        assert learner.means.total.device == META
        learner.means.clear()
    weights = [p for model in learner.models.all().values() for p in model.parameters()]
    assert {weight.device for weight in weights} == {META}
