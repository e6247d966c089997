"""The drifting model: the conformance suite, and what the drift itself must do."""

import math

import pytest
import torch
from genpolicy_drift.backbone import Drift

from genpolicy.testing import BackboneSuite


class TestDrift(BackboneSuite):
    @pytest.fixture
    def part(self):
        return Drift()


def test_the_drift_of_two_candidates_is_the_one_written_out():
    """One candidate at 0, the other at 3, the data at 1; tau 1, one dimension."""
    share = math.exp(-1) / (math.exp(-1) + math.exp(-3))
    drawn, sample = torch.tensor([[[0.0], [3.0]]]), torch.tensor([[1.0]])
    drift = Drift(candidates=2, tau=1.0).drift(drawn, sample)
    assert drift[0, 0, 0].item() == pytest.approx(2 * share * (1 - share) * (1 - 3))


@pytest.mark.parametrize("kernel", ["laplace", "gaussian"])
def test_candidates_that_have_the_datas_law_do_not_drift_on_average(kernel):
    """Wherever a candidate is: here at 0.5, among seven others and the data, all N(0, I)."""
    points = torch.randn(40_000, 8, 2, generator=torch.Generator().manual_seed(0))
    here = torch.full((40_000, 1, 2), 0.5)
    drawn = torch.cat([here, points[:, 1:]], dim=1)
    drift = Drift(kernel=kernel, tau=0.5).drift(drawn, points[:, 0])[:, 0]
    error = drift.std(0) / math.sqrt(len(drift))
    assert (drift.mean(0).abs() < 4 * error).all()
    apart = Drift(kernel=kernel, tau=0.5).drift(drawn, points[:, 0] + 1.0)[:, 0]
    assert (apart.mean(0) > 10 * error).all()


def test_a_whole_attraction_knows_the_mean_of_the_data_alone():
    drawn = torch.randn(1, 4, 2, generator=torch.Generator().manual_seed(0))
    left, right, middle = torch.tensor([[[-1.0, 0.0]], [[1.0, 0.0]], [[0.0, 0.0]]])
    whole = Drift(attraction="whole")
    mean = (whole.drift(drawn, left) + whole.drift(drawn, right)) / 2
    torch.testing.assert_close(mean, whole.drift(drawn, middle))
    shared = Drift()
    mean = (shared.drift(drawn, left) + shared.drift(drawn, right)) / 2
    assert not torch.allclose(mean, shared.drift(drawn, middle), atol=1e-2)


def test_the_widths_of_the_kernels_are_those_written_out():
    """With the data at a distance of 1 and the other candidate at 2, in two dimensions."""
    drawn, sample = torch.tensor([[[0.0, 0.0], [2.0, 0.0]]]), torch.tensor([[1.0, 0.0]])
    width = 0.7 * math.sqrt(2)
    nearness = {
        "laplace": [math.exp(-distance / width) for distance in (1, 2)],
        "gaussian": [math.exp(-((distance / width) ** 2) / 2) for distance in (1, 2)],
    }
    for kernel, (data, other) in nearness.items():
        share = data / (data + other)
        drift = Drift(candidates=2, kernel=kernel, tau=0.7).drift(drawn, sample)[0, 0]
        assert drift.tolist() == pytest.approx([-2 * share * (1 - share), 0.0], abs=1e-6)
