import math

import pytest

from genpolicy.comparison.seed_interval import interval_over_seeds


@pytest.mark.parametrize(
    ("values", "mean", "half"),
    [
        ([90.0, 100.0], 95.0, 12.706 * 5.0),
        ([1.0, 2.0, 3.0, 4.0, 5.0], 3.0, 2.776 * math.sqrt(2.5 / 5)),
    ],
)
def test_the_interval_is_students(values, mean, half):
    found = interval_over_seeds(values)
    assert found.mean == pytest.approx(mean)
    assert found.half_width == pytest.approx(half, rel=1e-4)


def test_many_seeds_have_the_normal_interval():
    values = [float(k % 2) for k in range(100)]
    half = 1.959964 * math.sqrt(25 / 99 / 100)
    assert interval_over_seeds(values).half_width == pytest.approx(half)


def test_one_seed_has_no_interval():
    found = interval_over_seeds([7.0])
    assert found.mean == 7.0
    assert math.isnan(found.low)
    assert math.isnan(found.high)
