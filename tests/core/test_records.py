import math

import pytest

from genpolicy.intervals import mean_interval, share_interval
from genpolicy.records import EpisodeRecord, EvaluationRecord


def episode(return_, success=None):
    return EpisodeRecord(return_=return_, length=10, success=success, steps_to_success=None, seed=0)


def evaluation(*episodes, random_return=None, expert_return=None):
    return EvaluationRecord(
        stage="policy",
        step=1,
        protocol="test",
        selection="last",
        environment={},
        seed=0,
        episodes=episodes,
        random_return=random_return,
        expert_return=expert_return,
    )


def test_a_mean_comes_with_its_normal_interval():
    interval = mean_interval([1.0, 2.0, 3.0, 4.0])
    half = 1.959964 * math.sqrt(5 / 3 / 4)
    assert interval.mean == 2.5
    assert (interval.low, interval.high) == pytest.approx((2.5 - half, 2.5 + half))
    assert interval.half_width == pytest.approx(half)


def test_one_value_has_a_mean_and_no_interval():
    interval = mean_interval([3.0])
    assert interval.mean == 3.0
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_no_values_have_no_mean():
    with pytest.raises(ValueError, match="a mean needs at least one value; got none"):
        mean_interval([])


@pytest.mark.parametrize("strange", [math.inf, -math.inf, math.nan])
def test_values_that_are_not_all_finite_have_no_mean(strange):
    interval = mean_interval([1.0, strange, 2.0])
    assert all(map(math.isnan, (interval.mean, interval.low, interval.high)))


@pytest.mark.parametrize("huge", [1e200, 1e308])
def test_huge_values_whose_squares_overflow_have_no_interval(huge):
    interval = mean_interval([huge, -huge])
    assert interval.mean == 0.0
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_without_episodes_there_is_no_score_and_no_success():
    record = evaluation(random_return=0.0, expert_return=1.0)
    assert (record.score, record.success) == (None, None)
    with pytest.raises(ValueError, match="a mean needs at least one value"):
        _ = record.return_


@pytest.mark.parametrize("count", [1, 3, 20, 100, 1000])
def test_a_share_and_its_interval_stay_between_zero_and_one(count):
    for successes in range(count + 1):
        interval = share_interval(successes, count)
        assert interval.mean == successes / count
        assert 0.0 <= interval.low <= interval.mean <= interval.high <= 1.0
        assert interval.half_width > 0.0


@pytest.mark.parametrize(("successes", "count"), [(0, 7), (5, 10), (81, 263), (1000, 1000)])
def test_the_ends_of_a_share_are_where_its_score_test_turns(successes, count):
    """Wilson's interval holds the shares p with |share - p| <= z sqrt(p (1 - p) / count)."""
    interval = share_interval(successes, count)
    for end in (interval.low, interval.high):
        if 0.0 < end < 1.0:
            distance = abs(interval.mean - end)
            assert distance == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / count))


def test_a_share_agrees_with_published_numbers():
    """81 of 263: 0.2553 to 0.3662 (Newcombe 1998, Statistics in Medicine 17, table I)."""
    interval = share_interval(81, 263)
    assert (interval.low, interval.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_a_share_of_failures_mirrors_that_of_successes():
    some, others = share_interval(3, 20), share_interval(17, 20)
    assert (1 - some.high, 1 - some.low) == pytest.approx((others.low, others.high))


@pytest.mark.parametrize(("successes", "count"), [(0, 0), (3, 2), (-1, 2)])
def test_a_share_of_impossible_counts_is_refused(successes, count):
    with pytest.raises(ValueError, match=f"got {successes} successes in {count} tries"):
        share_interval(successes, count)


def test_the_score_is_the_return_between_random_and_expert():
    record = evaluation(episode(15.0), episode(25.0), random_return=10.0, expert_return=30.0)
    assert record.score.mean == pytest.approx(50.0)
    assert record.score.half_width == pytest.approx(5 * record.return_.half_width)


@pytest.mark.parametrize(("random", "expert"), [(None, None), (1.0, None), (None, 1.0), (1.0, 1.0)])
def test_without_two_returns_that_differ_there_is_no_score(random, expert):
    record = evaluation(episode(1.0), episode(2.0), random_return=random, expert_return=expert)
    assert record.score is None


def test_success_is_the_share_of_solved_episodes_with_its_interval():
    record = evaluation(episode(1.0, True), episode(0.0, False), episode(2.0, True))
    assert record.success == share_interval(2, 3)


def test_success_of_every_episode_still_has_an_interval():
    record = evaluation(*[episode(1.0, True)] * 100)
    assert (record.success.mean, record.success.high) == (1.0, 1.0)
    assert record.success.low == pytest.approx(100 / (100 + 1.959964**2))


def test_where_the_environment_does_not_tell_there_is_no_success():
    assert evaluation(episode(1.0, True), episode(1.0)).success is None
