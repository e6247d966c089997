"""The bootstrap: beside rliable's, against theory, and whether its intervals hold the truth."""

import math

import numpy as np
import pytest

from genpolicy.comparison import aggregates
from genpolicy.comparison.aggregates import Scores
from genpolicy.comparison.improvement import probability_of_improvement
from genpolicy.comparison.resampling import Sample, intervals

FUNCTIONS = (
    aggregates.mean,
    aggregates.median,
    aggregates.interquartile_mean,
    aggregates.optimality_gap,
)


def sample(values, error=0.0):
    values = np.asarray(values)
    return Sample(values, np.full(len(values), error))


def redrawn(matrix, resamples, name=""):
    drawn = [sample(column).resampled(resamples, f"{name}{k}") for k, column in enumerate(matrix.T)]
    return [Scores.of(part) for part in drawn]


@pytest.mark.parametrize(("runs", "datasets", "spread"), [(5, 3, 5.0), (10, 2, 30.0), (3, 8, 1.0)])
def test_intervals_are_rliables_but_for_the_luck_of_the_draw(rliable, runs, datasets, spread):
    random, n = np.random.default_rng(runs), 4000
    means = random.uniform(60.0, 100.0, datasets)
    matrix = random.normal(means, spread, (runs, datasets))
    theirs = rliable.metrics

    def aggregate(scores):
        gap = theirs.aggregate_optimality_gap(scores, gamma=100.0)
        middle = theirs.aggregate_median(scores), theirs.aggregate_iqm(scores)
        return np.array([theirs.aggregate_mean(scores), *middle, gap])

    _, expected = rliable.library.get_interval_estimates({"": matrix}, aggregate, reps=n)
    scores = redrawn(matrix, n)
    ours = [np.quantile(f(scores), (0.025, 0.975)) for f in FUNCTIONS]
    deviations = np.array([f(scores).std() for f in FUNCTIONS])
    # A percentile of n normal draws has a standard error of 2.67 sd / sqrt(n); two are compared.
    tolerance = 5.0 * math.sqrt(2.0) * 2.67 * deviations / math.sqrt(n)
    assert (np.abs(np.transpose(ours) - expected[""]) < tolerance).all()


@pytest.mark.slow
def test_intervals_of_the_probability_of_improvement_are_rliables(rliable):
    random, n = np.random.default_rng(0), 700
    x, y = random.normal(1.0, 1.0, (8, 3)), random.normal(size=(6, 3))
    function = rliable.metrics.probability_of_improvement
    _, expected = rliable.library.get_interval_estimates({"": [x, y]}, function, reps=n)
    pairs = zip(redrawn(x, n, "x"), redrawn(y, n, "y"), strict=True)
    ours = np.mean([probability_of_improvement(a.each, b.each) for a, b in pairs], axis=0)
    tolerance = 5.0 * math.sqrt(2.0) * 2.67 * ours.std() / math.sqrt(n)
    assert np.abs(np.quantile(ours, (0.025, 0.975)) - expected[""]).max() < tolerance


def test_runs_and_episodes_both_spread_what_is_drawn():
    values = np.array([10.0, 20.0, 60.0])
    means = sample(values, error=9.0).resampled(20_000, "").mean(axis=1)
    assert means.mean() == pytest.approx(30.0, abs=0.5)
    assert means.var() == pytest.approx((values.var() + 81.0) / 3.0, rel=0.05)


def test_of_one_run_its_episodes_alone_are_drawn():
    drawn = sample([50.0], error=2.0).resampled(20_000, "")
    assert drawn.std() == pytest.approx(2.0, rel=0.03)


def test_of_one_run_without_an_error_nothing_is_known():
    found = intervals({"mean": (50.0, sample([50.0]).resampled(100, "").mean(axis=1))})
    assert found["mean"].mean == 50.0
    assert math.isnan(found["mean"].low)
    assert math.isnan(found["mean"].high)


def test_each_run_has_the_error_of_its_own():
    drawn = Sample(np.array([0.0, 100.0]), np.array([0.0, 1.0])).resampled(2000, "")
    assert (drawn[drawn < 50.0] == 0.0).all()
    assert drawn[drawn > 50.0].std() == pytest.approx(1.0, rel=0.1)


def test_a_name_always_draws_the_same_and_another_independently():
    scores = sample(np.arange(30.0), error=1.0)
    first = scores.resampled(500, "a")
    assert (first == scores.resampled(500, "a")).all()
    assert abs(np.corrcoef(first.ravel(), scores.resampled(500, "b").ravel())[0, 1]) < 0.05


def held_share(seeds, repetitions):
    """Return how often the interval holds the truth, of seeds and episodes that spread alike."""
    random, held = np.random.default_rng(seeds), 0
    for number in range(repetitions):
        values = random.normal(70.0, 3.0, (2, seeds)) + random.normal(0.0, 3.0, (2, seeds))
        drawn = [sample(row, 3.0).resampled(1000, f"{number}/{k}") for k, row in enumerate(values)]
        mean = aggregates.mean([Scores.of(part) for part in drawn])
        low, high = np.quantile(mean, (0.025, 0.975))
        held += low <= 70.0 <= high
    return held / repetitions


@pytest.mark.slow
def test_ninety_five_of_a_hundred_intervals_hold_the_truth():
    # Of few seeds the spread between them comes out too small; that of the episodes, which is in
    # theirs already, counts twice. The share of 1000 intervals has a standard error of 0.7 %.
    assert 0.91 <= held_share(3, 1000) <= 0.965
    assert 0.95 <= held_share(10, 1000) <= 0.995


@pytest.mark.parametrize("value", [100.1, 16777217.0])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_interval_of_equal_scores_holds_them(value, function):
    scores = sample([value] * 5)
    pair = (function([Scores.of(scores.values)]), function([Scores.of(scores.resampled(100, ""))]))
    found = intervals({"it": pair})["it"]
    assert found.low <= found.mean <= found.high
    assert found.half_width < 1e-8


def test_draws_of_large_scores_are_these_scores():
    values = [1e15, 1e15 + 1.0, 1e15 + 2.0]
    assert set(sample(values).resampled(1000, "").ravel()) == set(values)


def test_what_is_drawn_stays_within_the_limits():
    sample = Sample(np.array([99.0, 1.0]), np.array([3.0, 3.0]), limits=(0.0, 100.0))
    drawn = sample.resampled(500, "")
    assert (drawn.min(), drawn.max()) == (0.0, 100.0)
