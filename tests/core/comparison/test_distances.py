import math

import pytest
import torch

from genpolicy.comparison.distances import energy_distance, sliced_wasserstein
from genpolicy.errors import UsageError


def _points(*values):
    return torch.tensor(values, dtype=torch.float64).reshape(len(values), -1)


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _normal(count, dimensions=2, seed=0):
    return torch.randn(count, dimensions, generator=_generator(seed), dtype=torch.float64)


def test_an_energy_distance_in_numbers():
    # between: |0-1|, |0-4|, |2-1|, |2-4| -> mean 2; within: 2 and 3
    assert energy_distance(_points(0.0, 2.0), _points(1.0, 4.0)) == pytest.approx(2 * 2 - 2 - 3)
    # (0, 0) and (3, 4) are 5 apart; (0, 0) and (6, 8) are 10, (3, 4) and (6, 8) are 5
    x, y = _points((0.0, 0.0), (3.0, 4.0)), _points((0.0, 0.0), (6.0, 8.0))
    assert energy_distance(x, y) == pytest.approx(2 * (0 + 10 + 5 + 5) / 4 - 5 - 10)


def test_the_energy_distance_of_normals_is_the_known_one():
    # for N(0, 1) and N(d, 1): 2 E|z sqrt2 + d| - 4 / sqrt(pi), by the folded normal
    shift = 1.0
    folded = 2 / math.sqrt(math.pi) * math.exp(-(shift**2) / 4) + shift * math.erf(shift / 2)
    expected = 2 * folded - 4 / math.sqrt(math.pi)
    x, y = _normal(4000, 1), shift + _normal(4000, 1, seed=1)
    assert energy_distance(x, y) == pytest.approx(expected, abs=0.04)


def test_the_energy_distance_of_the_same_distribution_is_zero_on_average():
    found = [energy_distance(_normal(50, 2, k), _normal(70, 2, 1000 + k)) for k in range(200)]
    mean = sum(found) / len(found)
    spread = math.sqrt(sum((one - mean) ** 2 for one in found) / len(found) ** 2)
    assert min(found) < 0 < max(found)
    assert abs(mean) < 3 * spread


def test_the_energy_distance_is_the_same_whatever_fits_into_memory(monkeypatch):
    x, y = _normal(300), 0.5 + _normal(200, seed=1)
    whole = energy_distance(x, y)
    monkeypatch.setattr("genpolicy.comparison.distances._ROWS", 7)
    assert energy_distance(x, y) == pytest.approx(whole, rel=1e-12)


def test_in_one_dimension_sliced_wasserstein_is_wasserstein():
    # sorted: 0, 2, 5 against 1, 1, 9: gaps 1, 1, 4
    found = sliced_wasserstein(_points(5.0, 0.0, 2.0), _points(1.0, 9.0, 1.0), _generator())
    assert found == pytest.approx(math.sqrt(18 / 3))


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_a_shift_is_its_length_over_the_root_of_the_dimensions_away(dimensions):
    x = _normal(50, dimensions)
    found = sliced_wasserstein(x, x + 3.0, _generator(), directions=20_000)
    assert found == pytest.approx(3.0, rel=0.02)  # |shift| = 3 sqrt(d)


def test_order_does_not_count_and_direction_neither():
    x, y = _normal(64), 0.3 + 2.0 * _normal(64, seed=1)
    shuffled = x[torch.randperm(64, generator=_generator())]
    assert sliced_wasserstein(x, shuffled, _generator()) == pytest.approx(0.0, abs=1e-12)
    one, other = (sliced_wasserstein(*pair, _generator()) for pair in ((x, y), (y, x)))
    assert one == pytest.approx(other)
    assert sliced_wasserstein(x, y, _generator()) == one


def test_distances_of_chunks_are_those_of_their_numbers():
    x, y = _normal(32, 6), 1.0 + _normal(32, 6, seed=1)
    chunks = x.reshape(32, 3, 2), y.reshape(32, 3, 2)
    assert energy_distance(*chunks) == energy_distance(x, y)
    assert sliced_wasserstein(*chunks, _generator()) == sliced_wasserstein(x, y, _generator())


def test_samples_that_do_not_compare_are_refused():
    for x, y in ((_normal(5), _normal(5, 3)), (_normal(1), _normal(5))):
        with pytest.raises(UsageError, match=r"two or more samples of either .*; got \(\d, 2\)"):
            energy_distance(x, y)
    with pytest.raises(UsageError, match="compares as many samples; got 5 and 6"):
        sliced_wasserstein(_normal(5), _normal(6), _generator())
