"""How far two evaluations are apart."""

import math

import numpy as np
import pytest

from genpolicy.comparison.score_difference import (
    return_difference,
    same_starts,
    score_difference,
    success_difference,
)
from recorded import evaluation


def test_a_difference_is_taken_start_by_start_where_both_have_the_same():
    first, second = evaluation([10.0, 50.0, 90.0]), evaluation([12.0, 53.0, 94.0])
    found = return_difference(first, second)
    assert same_starts(first, second)
    assert found.mean == pytest.approx(3.0)
    assert found.half_width == pytest.approx(1.959964 / math.sqrt(3))


def test_other_starts_are_taken_apart():
    first, second = evaluation([10.0, 50.0]), evaluation([12.0, 53.0], first_seed=1)
    found = return_difference(first, second)
    assert not same_starts(first, second)
    assert found.mean == pytest.approx(2.5)
    expected = math.hypot(first.return_.half_width, second.return_.half_width)
    assert found.half_width == pytest.approx(expected)


def test_a_start_that_is_there_twice_pairs_with_nothing():
    import attrs

    first = evaluation([1.0, 2.0])
    twice = attrs.evolve(first, episodes=(*first.episodes, first.episodes[0]))
    assert not same_starts(twice, twice)
    assert not same_starts(first, twice)


def test_a_difference_of_scores_is_in_points():
    records = [evaluation(r, expert_return=50.0, random_return=25.0) for r in ([5.0], [6.0])]
    found = score_difference(*records)
    assert found.mean == pytest.approx(4.0)
    assert math.isnan(found.low)
    unknown = evaluation([1.0], expert_return=None)
    assert score_difference(unknown, unknown) is None


def test_turning_the_order_round_turns_the_difference_round():
    random = np.random.default_rng(0)
    for shift in (0, 7):
        records = [
            evaluation(random.normal(size=9)),
            evaluation(random.normal(size=9), first_seed=shift),
        ]
        for way in (return_difference, success_difference):
            there, back = way(*records), way(*reversed(records))
            assert (there.mean, there.low, there.high) == pytest.approx(
                (-back.mean, -back.high, -back.low)
            )


def test_shares_of_solved_episodes_agree_with_newcombe():
    """The example of the paper: 56 of 70 against 48 of 80 gives 0.0524 to 0.3339."""
    more, fewer = ([1.0] * n + [0.0] * (m - n) for n, m in ((56, 70), (48, 80)))
    found = success_difference(evaluation(fewer), evaluation(more))
    assert (found.mean, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_an_interval_holds_the_true_difference_about_as_often_as_it_says():
    random, held, tries = np.random.default_rng(1), 0, 400
    for _ in range(tries):
        starts = random.normal(0.0, 30.0, 50)
        pair = [evaluation(starts + random.normal(mean, 5.0, 50)) for mean in (10.0, 12.0)]
        found = return_difference(*pair)
        held += found.low <= 2.0 <= found.high
    assert 0.91 < held / tries < 0.98


def test_where_the_environment_does_not_tell_shares_have_no_difference():
    import attrs

    record = evaluation([1.0])
    silent = attrs.evolve(record, episodes=(attrs.evolve(record.episodes[0], success=None),))
    assert success_difference(record, silent) is None
