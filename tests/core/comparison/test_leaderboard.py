"""Who does best."""

import math

import numpy as np
import pytest

from genpolicy.comparison.footing import comparable
from genpolicy.comparison.groups import compared
from genpolicy.comparison.leaderboard import group_named, standings
from genpolicy.errors import UsageError

SCORES = {
    ("bc", "maze"): (60.0, 64.0, 68.0, 50.0, 90.0),
    ("bc", "hall"): (20.0, 24.0, 10.0, 28.0, 30.0),
    ("gmpo", "maze"): (90.0, 95.0, 100.0, 110.0, 105.0),
    ("gmpo", "hall"): (60.0, 62.0, 64.0, 58.0, 66.0),
}


@pytest.fixture
def board(run):
    """Compare runs with these scores."""

    def make(scores=SCORES, by=("objective",), metric="score", extra=(), error=1.0):
        runs = [
            run(objective, seed, score, dataset=dataset, error=error)
            for (objective, dataset), values in scores.items()
            for seed, score in enumerate(values)
        ]
        return compared(comparable([*runs, *extra], metric=metric), by)

    return make


def named(rows, dataset):
    return {row.values[0].removeprefix("genpolicy/"): row for row in rows if row.dataset == dataset}


def test_each_dataset_and_all_of_them_have_the_best_first(board):
    rows = standings(board())
    assert [(row.dataset, row.values[0]) for row in rows] == [
        ("hall", "genpolicy/gmpo"),
        ("hall", "genpolicy/bc"),
        ("maze", "genpolicy/gmpo"),
        ("maze", "genpolicy/bc"),
        (None, "genpolicy/gmpo"),
        (None, "genpolicy/bc"),
    ]
    assert {row.seeds for row in rows} == {5}


def test_the_numbers_are_those_by_hand(board):
    rows = standings(board())
    on_maze, over = named(rows, "maze")["bc"], named(rows, None)["gmpo"]
    assert on_maze.mean.mean == pytest.approx(66.4)
    assert on_maze.interquartile_mean.mean == pytest.approx(64.0)
    assert on_maze.optimality_gap.mean == pytest.approx(33.6)
    assert on_maze.median is None
    assert over.mean.mean == pytest.approx(81.0)
    assert over.median.mean == pytest.approx(81.0)
    assert over.interquartile_mean.mean == pytest.approx(np.mean([62, 64, 66, 90, 95, 100]))
    assert over.optimality_gap.mean == pytest.approx((3.0 + 38.0) / 2)


def test_an_interval_holds_its_number_and_grows_with_the_spread(board):
    for row in standings(board()):
        for found in (row.mean, row.interquartile_mean, row.optimality_gap):
            assert found.low < found.mean < found.high
    quiet, loud = (standings(board(error=error))[0].mean.half_width for error in (0.0, 20.0))
    assert loud > 2.0 * quiet


def test_the_same_is_said_again_whatever_stands_beside(board):
    rows = named(standings(board()), "maze")
    assert rows == named(standings(board()), "maze")
    alone = {key: scores for key, scores in SCORES.items() if key[0] == "bc"}
    assert named(standings(board(alone)), "maze")["bc"] == rows["bc"]


def test_groups_that_lack_a_dataset_do_not_stand_over_all(board):
    scores = {key: values for key, values in SCORES.items() if key != ("bc", "hall")}
    assert [*named(standings(board(scores)), None)] == ["gmpo"]


def test_over_one_dataset_nothing_is_averaged(board):
    rows = standings(board({("bc", "maze"): (1.0, 2.0)}))
    assert [row.dataset for row in rows] == ["maze"]


def test_unequal_numbers_of_seeds_leave_datasets_their_weight(board):
    rows = standings(board({("bc", "maze"): (60.0,) * 9, ("bc", "hall"): (20.0,)}))
    over = named(rows, None)["bc"]
    assert over.mean.mean == pytest.approx(40.0)
    assert over.seeds == 1


def test_returns_have_no_gap_and_nothing_over_datasets(board):
    rows = standings(board(metric="return"))
    assert {row.dataset for row in rows} == {"hall", "maze"}
    assert {row.optimality_gap for row in rows} == {None}


def test_a_reference_policy_stands_among_the_others(board, reference):
    rows = standings(board(extra=[reference(score=80.0), reference("random", 0.0)]))
    found = named(rows, "maze")
    assert [*found] == ["gmpo", "(expert)", "bc", "(random)"]
    assert found["(expert)"].mean.half_width == pytest.approx(1.96, rel=0.1)
    assert (found["(expert)"].seeds, found["(expert)"].reference) == (0, True)


def test_one_run_of_one_episode_has_no_interval(board):
    (row,) = standings(board({("bc", "maze"): (50.0,)}, error=0.0))
    assert row.mean.mean == 50.0
    assert math.isnan(row.mean.half_width)


def test_the_probability_of_improvement_is_over_the_group_named(board):
    comparison = board()
    rows = standings(comparison, against=group_named(comparison, "bc"))
    found = named(rows, "maze")
    assert found["bc"].improvement is None
    assert found["gmpo"].improvement.mean == pytest.approx((4 + 4 * 5 + 0.5) / 25)
    over = named(rows, None)["gmpo"].improvement
    assert over.mean == pytest.approx((24.5 / 25 + 1.0) / 2)
    assert over.low < over.mean <= over.high
    assert all(row.improvement is None for row in standings(comparison))


def test_where_the_group_named_has_no_runs_there_is_no_probability(board):
    scores = {key: values for key, values in SCORES.items() if key != ("bc", "hall")}
    comparison = board(scores)
    rows = standings(comparison, against=group_named(comparison, "bc"))
    assert named(rows, "hall")["gmpo"].improvement is None
    assert named(rows, "maze")["gmpo"].improvement is not None


def test_a_group_is_named_by_what_tells_it_apart(board, run, reference):
    comparison = board(by=("objective", "backbone"), extra=[run(backbone="mlp"), reference()])
    labels = {name: group_named(comparison, name).label for name in ("gmpo", "mlp", "flow, bc")}
    assert labels == {"gmpo": "gmpo,flow", "mlp": "bc,mlp", "flow, bc": "bc,flow"}
    assert group_named(comparison, "expert").reference
    assert group_named(comparison, "genpolicy/gmpo").label == "gmpo,flow"


def test_a_group_whose_name_begins_others_is_meant_where_nothing_more_is_told(board, run):
    plain = run("iql", recipe="plain", parts={"objective": "genpolicy/iql"})
    comparison = board(by=("objective", "backbone"), extra=[plain, run("iql")])
    assert group_named(comparison, "iql").label == "iql"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("flow", "2 rows are called 'flow': bc,flow; gmpo,flow; name one of them"),
        ("zzz", "no row is called 'zzz'; there are: bc,flow; gmpo,flow"),
    ],
)
def test_a_name_that_fits_none_or_several_is_refused(board, name, sentence):
    with pytest.raises(UsageError) as raised:
        group_named(board(by=("objective", "backbone")), name)
    assert str(raised.value) == sentence


def test_a_row_told_apart_by_options_is_named_by_key_and_value_or_by_its_value(run):
    runs = [run(recipe=str(b), settings={"objective.beta": b}) for b in (1.0, 10.0)]
    board = compared(comparable(runs), ("objective", "objective.beta"))
    for name in ("objective.beta=1", "1", "bc,1", "bc,objective.beta=1"):
        assert group_named(board, name).label == "bc,objective.beta=1"
    with pytest.raises(UsageError, match=r"2 rows are called 'bc': bc,objective\.beta=1; bc,obj"):
        group_named(board, "bc")
    assert [row.values[1] for row in standings(board, resamples=9)] == [1.0, 10.0]
