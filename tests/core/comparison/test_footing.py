"""Which runs may stand in one table."""

import math

import pytest

from genpolicy.comparison.footing import Footing, comparable
from genpolicy.errors import UsageError


def ids(field):
    return sorted(scored.run.id for scored in field.runs)


def test_the_protocol_and_selection_that_most_runs_have_are_taken(run):
    runs = [run(seed=0), run(seed=1), run(seed=2, protocol="short"), run(seed=3, selection="best")]
    field = comparable(runs)
    assert field.footing == Footing(metric="score", protocol="default", selection="last")
    assert ids(field) == ["run0", "run1"]
    assert field.remarks == (
        "left out, scored otherwise: 1 run by default, best; 1 run by short, last",
    )


def test_of_two_protocols_as_common_the_newest_runs_is_taken(run):
    runs = [run(seed=0, protocol="old"), run(seed=1, protocol="new")]
    assert comparable(runs).footing.protocol == "new"
    assert comparable(runs[::-1]).footing.protocol == "new"


def test_reference_policies_have_no_vote(run, reference):
    runs = [run(), reference("a", protocol="long"), reference("b", protocol="long")]
    assert comparable(runs).footing.protocol == "default"
    assert comparable(runs[1:]).footing.protocol == "long"


def test_a_protocol_or_selection_can_be_asked_for(run):
    runs = [run(seed=0), run(seed=1), run(seed=2, protocol="short"), run(seed=3, selection="best")]
    assert ids(comparable(runs, protocol="short")) == ["run2"]
    assert ids(comparable(runs, selection="best")) == ["run3"]
    with pytest.raises(UsageError) as raised:
        comparable(runs, protocol="short", selection="best")
    assert str(raised.value) == (
        "no run was scored by the protocol 'short' and of the selection 'best'; there are: 2 runs "
        "by default, last; 1 run by default, best; 1 run by short, last"
    )


def test_only_finished_runs_count(run):
    field = comparable([run(seed=0), run(seed=1, state="failed"), run(seed=2, state="lost")])
    assert ids(field) == ["run0"]
    assert field.remarks == ("left out, not finished: 2 runs",)
    with pytest.raises(UsageError, match="none of the runs asked for has finished training"):
        comparable([run(state="running")])


def test_of_one_recipe_and_seed_the_newest_run_counts(run):
    runs = [run(score=1.0), run(score=2.0), run(score=3.0, dataset="hall"), run(score=4.0, seed=1)]
    field = comparable(runs[::-1])
    assert [scored.value for scored in field.runs if scored.dataset == "maze"] == [2.0, 4.0]
    assert ids(field) == ["run1", "run2", "run3"]
    assert field.remarks == (
        "left out, since a newer run has the same recipe, seed and data: 1 run",
    )


def test_a_reference_policy_measured_again_counts_once_without_a_word(run, reference):
    field = comparable([run(), reference(score=90.0), reference(score=95.0, seed=4)])
    assert [scored.value for scored in field.runs if scored.run.reference] == [95.0]
    assert field.remarks == ()


def test_data_of_one_name_and_different_contents_stay_apart(run):
    runs = [run(), run(fingerprint="cd" * 32), run(dataset="hall")]
    found = {scored.run.id: scored.dataset for scored in comparable(runs).runs}
    assert found == {"run0": "maze@abababab", "run1": "maze@cdcdcdcd", "run2": "hall"}


def test_the_standard_error_is_that_of_the_interval_over_episodes(run):
    runs = [run(seed=0, error=2.5), run(seed=1, score=7.0, episodes=1)]
    found = {scored.run.seed: (scored.value, scored.error) for scored in comparable(runs).runs}
    assert found == {0: (50.0, pytest.approx(2.5)), 1: (7.0, 0.0)}


def test_success_is_a_percentage_with_the_error_of_a_share(run):
    runs = [
        run(seed=0, solved=80),
        run(seed=1, solved=1, episodes=1),
        run(seed=2),
    ]
    field = comparable(runs, metric="success")
    found = {scored.run.seed: (scored.value, scored.error) for scored in field.runs}
    assert found == {0: (80.0, pytest.approx(100.0 * (0.16 / 99) ** 0.5)), 1: (100.0, 0.0)}
    assert field.remarks == ("left out, without a share of episodes solved: 1 run",)


def test_what_is_no_finite_number_is_left_out(run):
    field = comparable([run(), run(seed=1, score=None), run(seed=2, score=math.nan)])
    assert field.remarks == ("left out, without a normalised score: 2 runs",)
    assert len(comparable([run(), run(seed=2, score=math.nan)], metric="return").runs) == 1


def test_without_any_score_what_would_work_is_said(run):
    with pytest.raises(UsageError) as raised:
        comparable([run(score=None)])
    assert str(raised.value) == (
        "nothing to compare: of 1 finished run none has a normalised score; --metric return "
        "compares what has no scale"
    )
    with pytest.raises(UsageError, match=r"of 1 finished run none has a return$"):
        comparable([run(score=None)], metric="return")


def test_scores_between_other_reference_returns_are_left_out(run, reference):
    runs = [run(seed=0), run(seed=1), run(seed=2, expert_return=50.0)]
    runs += [reference("a", expert_return=50.0), reference("b", expert_return=50.0)]
    runs += [run(seed=2, dataset="hall", expert_return=50.0)]
    field = comparable(runs)
    assert ids(field) == ["run0", "run1", "run5"]
    assert field.remarks == (
        "left out, since most runs on the same data have other reference returns: 3 runs",
    )
    assert len(comparable(runs, metric="return").runs) == 6


def test_of_two_scales_as_common_the_newest_runs_is_taken(run):
    runs = [run(seed=0, random_return=5.0), run(seed=1)]
    assert ids(comparable(runs)) == ids(comparable(runs[::-1])) == ["run1"]
