"""Performance profiles."""

import math

import numpy as np
import pytest

from genpolicy.comparison.footing import comparable
from genpolicy.comparison.groups import compared
from genpolicy.comparison.profiles import profile, profiles
from genpolicy.errors import UsageError

THRESHOLDS = np.linspace(-2.0, 3.0, 26)


def compare(runs, metric="score"):
    return compared(comparable(runs, metric=metric), ("objective",))


def test_a_profile_is_the_share_above_each_threshold():
    scores = [np.array([1.0, 2.0, 3.0, 4.0])]
    found = profile(scores, np.array([0.0, 1.0, 2.5, 4.0]))
    assert found == pytest.approx([1.0, 0.75, 0.5, 0.0])


def test_a_profile_is_rliables(rliable):
    matrix = np.random.default_rng(0).normal(size=(7, 3)).round(1)
    expected = rliable.library.run_score_deviation
    assert profile(list(matrix.T), THRESHOLDS) == pytest.approx(
        [expected(matrix, tau) for tau in THRESHOLDS], abs=1e-12
    )


def test_of_resamples_each_has_its_profile_and_an_unknown_score_none():
    rows = np.array([[0.5, 1.5], [math.nan, 0.0]])
    first, second = profile([rows], np.array([0.0, 1.0]))
    assert list(first) == [1.0, 0.5]
    assert np.isnan(second).all()


def test_every_dataset_weighs_the_same():
    found = profile([np.array([1.0]), np.zeros(9)], np.array([0.5]))
    assert found == pytest.approx([0.5])


def test_groups_have_profiles_with_the_best_first_and_references_none(run, reference):
    runs = [run("bc", seed, 50.0 + 4.0 * seed) for seed in range(5)]
    runs += [run("gmpo", seed, 80.0 + 4.0 * seed) for seed in range(5)]
    best, other = profiles(compare([*runs, reference()]), resamples=500)
    assert (best.group.label, other.group.label) == ("gmpo", "bc")
    assert (best.thresholds == other.thresholds).all()
    assert (best.low <= best.shares + 1e-6).all()
    assert (best.shares <= best.high + 1e-6).all()
    assert (best.shares[0], best.shares[-1]) == (1.0, 0.0)
    # The area under a profile is the mean above the lowest threshold.
    area = np.trapezoid(best.shares, best.thresholds) + best.thresholds[0]
    assert area == pytest.approx(88.0, abs=0.5)


def test_groups_that_lack_a_dataset_have_none(run):
    runs = [run(), run(dataset="hall"), run("gmpo")]
    assert [each.group.label for each in profiles(compare(runs), 100)] == ["bc"]
    with pytest.raises(UsageError, match="no group of trained runs has runs on every dataset"):
        profiles(compare([run(), run("gmpo", dataset="hall")]), 100)


def test_returns_of_several_datasets_are_not_mixed(run):
    with pytest.raises(UsageError, match="returns of different datasets have no common scale"):
        profiles(compare([run(), run(dataset="hall")], metric="return"), 100)
