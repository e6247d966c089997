"""Flow matching on noise that is paired with data by optimal transport."""

from itertools import permutations

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import DenoiserBackbone, GaussianPathBackbone, SampleSpec
from genpolicy.path import LinearPath
from genpolicy_plugins.backbones.ot_flow import OTFlow, pairing
from genpolicy_plugins.networks.mlp import MLP
from genpolicy_plugins.solvers.runge_kutta import Euler


def _draw(rows: int, condition_dim: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Noise, data a = c_1 + 0.3 eps, and conditions uniform in [-1, 1]."""
    condition = torch.rand(rows, condition_dim).double() * 2 - 1
    sample = condition[:, :1] + 0.3 * torch.randn(rows, 1).double()
    return torch.randn(rows, 1).double(), sample, condition


def test_it_knows_its_data_but_claims_no_score() -> None:
    model = OTFlow().build(SampleSpec(sample_shape=(2,), condition_dim=3), MLP(hidden=(8,)))
    assert isinstance(model, DenoiserBackbone)
    assert not isinstance(model, GaussianPathBackbone)
    assert model.path == LinearPath(0.0)


def test_the_pairing_is_the_best_of_all_permutations() -> None:
    torch.manual_seed(0)
    noise, sample, condition = torch.randn(3, 6, 2).double().unbind()
    scaled = condition / condition.std(0, correction=0)

    def cost(order: Tensor) -> float:
        apart = 0.7 * (scaled[order] - scaled).square().mean(1)
        return float(((noise[order] - sample).square().mean(1) + apart).sum())

    best = min((torch.tensor(order) for order in permutations(range(6))), key=cost)
    assert torch.equal(pairing(noise, sample, condition, 0.7, 256), best)


def test_every_noise_is_used_once_and_stays_in_its_group() -> None:
    torch.manual_seed(0)
    order = pairing(*_draw(10), 0.0, 4)
    groups = [order[:4], order[4:8], order[8:]]
    assert [sorted(group.tolist()) for group in groups] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_without_a_condition_numbers_are_paired_in_order() -> None:
    """Optimal transport on a line: the smallest noise goes to the smallest sample."""
    torch.manual_seed(0)
    noise, sample, _ = _draw(64)
    constant = torch.full((64, 2), 0.3).double()
    order = pairing(noise, sample, constant, 10.0, 64)
    assert torch.equal(noise[order][:, 0].argsort(), sample[:, 0].argsort())


def test_a_great_weight_leaves_the_pairs_as_drawn() -> None:
    torch.manual_seed(0)
    assert torch.equal(pairing(*_draw(64), 1e9, 64), torch.arange(64))


def test_the_pairing_does_not_depend_on_the_units_of_the_condition() -> None:
    torch.manual_seed(0)
    noise, sample, condition = _draw(64, 3)
    units = torch.tensor([1e3, 1.0, 1e-2]).double()
    order = pairing(noise, sample, condition, 1.0, 64)
    assert torch.equal(order, pairing(noise, sample, 5.0 + units * condition, 1.0, 64))
    assert not torch.equal(order, torch.arange(64))


def test_paired_noise_is_nearer_to_its_data_and_hardly_tells_the_condition() -> None:
    def look(weight: float) -> tuple[float, float]:
        torch.manual_seed(0)
        distance = slope = 0.0
        for _ in range(20):
            noise, sample, condition = _draw(256)
            paired = noise[pairing(noise, sample, condition, weight, 256)]
            distance += float((paired - sample).square().mean()) / 20
            slope += float((paired * condition).mean() / condition.square().mean()) / 20
        return distance, slope

    apart, alone, default = look(1e9), look(0.0), look(OTFlow().condition_weight)
    assert apart[0] == pytest.approx(1.42, abs=0.1)
    assert default[0] < 0.65 * apart[0]
    assert alone[1] > 1.0  # transport that ignores the condition gives each its own noise
    assert default[1] < 0.12


def test_only_the_noise_depends_on_a_rows_neighbours() -> None:
    model = OTFlow(pairing=1).build(SampleSpec(sample_shape=(1,), condition_dim=1), MLP())
    _, sample, condition = _draw(5)
    model = model.double()
    torch.manual_seed(3)
    before = model.matching_loss(sample, condition)
    sample[1] += 1.0
    torch.manual_seed(3)
    moved = (model.matching_loss(sample, condition) - before).abs() > 1e-12
    assert moved.tolist() == [False, True, False, False, False]


@pytest.mark.slow
def test_transport_that_ignores_the_condition_gets_it_wrong() -> None:
    """What the condition's weight is for: with it the means are -0.8 and 0.8."""
    torch.manual_seed(0)
    spec = SampleSpec(sample_shape=(1,), condition_dim=1)
    model = OTFlow(condition_weight=0.0).build(spec, MLP(hidden=(48, 48))).double()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(150):
        _, sample, condition = _draw(256)
        optimiser.zero_grad()
        model.matching_loss(sample, condition).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    condition = torch.tensor([[-0.8], [0.8]]).double().repeat_interleave(1000, 0)
    with torch.no_grad():
        noise = model.draw_noise(condition)
        drawn = Euler(steps=20).sample(model, condition, noise).reshape(2, 1000)
    assert (drawn.mean(1).abs() < 0.4).all()
    assert (drawn.std(1) > 0.45).all()
