"""The probability of improvement, beside rliable's and by hand."""

import math

import numpy as np
import pytest

from genpolicy.comparison.improvement import probability_of_improvement


def test_every_pair_counts_and_a_tie_counts_half():
    x, y = np.array([1.0, 3.0]), np.array([0.0, 1.0, 2.0])
    assert probability_of_improvement(x, y) == pytest.approx((1 + 0.5 + 3) / 6)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 3), (5, 8), (40, 300)])
def test_it_is_rliables(rliable, n, m):
    random = np.random.default_rng(n)
    x, y = random.normal(1.0, 1.0, (n, 2)).round(1), random.normal(size=(m, 2)).round(1)
    expected = rliable.metrics.probability_of_improvement(x, y)
    ours = [probability_of_improvement(a, b) for a, b in zip(x.T, y.T, strict=True)]
    assert np.mean(ours) == pytest.approx(expected, abs=1e-12)


def test_there_and_back_is_certain_and_a_method_is_as_good_as_itself():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(6, 7)), random.normal(size=(6, 5))
    there, back = probability_of_improvement(x, y), probability_of_improvement(y, x)
    assert there + back == pytest.approx(np.ones(6))
    assert probability_of_improvement(x, x) == pytest.approx(np.full(6, 0.5))


def test_where_a_score_is_unknown_so_is_the_probability():
    x, y = np.array([[1.0, 2.0], [math.nan, 2.0]]), np.zeros((2, 1))
    first, second = probability_of_improvement(x, y)
    assert first == 1.0
    assert math.isnan(second)
