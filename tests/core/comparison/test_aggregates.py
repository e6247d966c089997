"""Aggregates, beside those of Agarwal et al. 2021 and by hand."""

import numpy as np
import pytest

from genpolicy.comparison import aggregates
from genpolicy.comparison.aggregates import Scores


def by_dataset(matrix):
    return [Scores.of(column) for column in matrix.T]


@pytest.fixture(params=[(1, 1), (2, 1), (3, 4), (5, 10), (7, 3), (50, 2)])
def matrix(request):
    runs, datasets = request.param
    random = np.random.default_rng(runs)
    return random.normal(90.0, 20.0, (runs, datasets))


def test_they_are_rliables_where_datasets_have_as_many_runs(matrix, rliable):
    theirs, scores = rliable.metrics, by_dataset(matrix)
    pairs = [
        (aggregates.mean, theirs.aggregate_mean(matrix)),
        (aggregates.median, theirs.aggregate_median(matrix)),
        (aggregates.interquartile_mean, theirs.aggregate_iqm(matrix)),
        (aggregates.optimality_gap, theirs.aggregate_optimality_gap(matrix, gamma=100.0)),
    ]
    for ours, expected in pairs:
        assert ours(scores) == pytest.approx(expected, abs=1e-12)


def test_of_resamples_each_is_aggregated_for_itself(matrix):
    stacked = [Scores.of(np.stack([column, column[::-1] + 1.0])) for column in matrix.T]
    for ours in (aggregates.mean, aggregates.median, aggregates.interquartile_mean):
        first, second = ours(stacked)
        assert first == pytest.approx(ours(by_dataset(matrix)))
        assert second == pytest.approx(first + 1.0)


def test_every_dataset_weighs_the_same_however_many_runs_it_has():
    few, many = np.array([10.0]), np.full(99, 90.0)
    scores = [Scores.of(few), Scores.of(many)]
    assert aggregates.mean(scores) == 50.0
    assert aggregates.median(scores) == 50.0
    assert aggregates.optimality_gap(scores) == 50.0


def test_the_interquartile_mean_of_unequal_datasets_by_hand():
    # Shares 1/4, 1/4 and four times 1/8: as good as 16/3 scores, of which one is cut at either end,
    # 3/16. In order 0 has 1/16 left, 10 to 40 have 1/8 each, 100 has 1/16.
    scores = [Scores.of(np.array([0.0, 100.0])), Scores.of(np.array([40.0, 30.0, 20.0, 10.0]))]
    assert aggregates.interquartile_mean(scores) == pytest.approx(30.0, abs=1e-12)


def test_weighing_by_equal_weights_is_counting():
    scores = np.random.default_rng(0).normal(size=(4, 21))
    weighted = aggregates._weighted(scores, np.full(21, 1.0 / 7.0))
    assert weighted == pytest.approx(np.sort(scores)[:, 5:16].mean(axis=1), abs=1e-12)
