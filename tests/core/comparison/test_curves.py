"""Curves from a real registry, filled with made-up runs."""

import math

import pytest

from genpolicy.comparison.curves import Point, learning_curves
from genpolicy.errors import UsageError
from genpolicy.records import DatasetRecord, EpisodeRecord, EvaluationRecord, RunStart
from genpolicy.registry import Registry

DATA = DatasetRecord(name="maze", fingerprint="ab" * 32, transitions=9, episodes=1)
TWO_STAGES = {"behaviour": {10: 20.0, 20: 40.0}, "critic": {}, "policy": {45: 60.0, 50: 80.0}}


def evaluation(stage, step, score, selection=None, protocol="default", scaled=True, expert=102.0):
    returns = (score, score + 4.0)
    return EvaluationRecord(
        stage=stage,
        step=step,
        protocol=protocol if selection else f"{protocol}-look",
        selection=selection,
        environment={},
        seed=0,
        episodes=tuple(
            EpisodeRecord(return_=r, length=9, success=None, steps_to_success=None, seed=0)
            for r in returns
        ),
        random_return=2.0 if scaled else None,
        expert_return=expert if scaled else None,
    )


@pytest.fixture
def registry(tmp_path):
    with Registry.open(tmp_path / "registry.db") as registry:
        yield registry


@pytest.fixture
def record(registry, tmp_path):
    """Record a run and return all that the registry knows of it."""

    def make(
        id,
        seed=0,
        objective="bc",
        stages=None,
        final=90.0,
        data=DATA,
        state="finished",
        selection="last",
        reference=None,
        **kind,
    ):
        parts = {"objective": {"name": f"genpolicy/{objective}", "options": {}}}
        start = RunStart(
            id=id,
            seed=seed,
            recipe={"parts": parts} | ({"reference": reference} if reference else {}),
            recipe_hash=objective.ljust(64, "0"),
            origins={},
            parts=(),
            dataset=data,
            directory=str(tmp_path / id),
            device="cpu",
            versions={},
            host={},
        )
        writer, begun = registry.start(start), 0
        for stage, looks in (
            {"policy": {10: 50.0, 20: 70.0}} if stages is None else stages
        ).items():
            writer.on_stage(stage, begun, begun + 20)
            begun += 20
            for step, score in looks.items():
                writer.on_evaluation(evaluation(stage, step, score, **kind))
        if final is not None:
            writer.on_evaluation(evaluation("policy", 60, final, selection, **kind))
        assert writer.finish(state)
        return registry.run(id)

    return make


def test_seeds_of_one_recipe_are_one_curve_with_their_mean(record):
    runs = [
        record("a1", seed=1, final=80.0),
        record("a0", seed=0, stages={"policy": {10: 30.0, 20: 60.0}}, final=90.0),
        record("b0", objective="gmpo"),
    ]
    found = learning_curves(runs)
    assert (found.dataset, found.protocol, found.unit) == ("maze", "default", "score")
    assert (found.look_episodes, found.final_episodes, found.remarks) == ((2,), (2,), ())
    curve, other = found.curves
    assert [seed.seed for seed in curve.seeds] == [0, 1]
    assert curve.mean[0].points == (Point(10, 40.0), Point(20, 65.0))
    assert curve.final.mean == 85.0
    assert curve.final.half_width == pytest.approx(12.706 * 5.0, rel=1e-4)
    assert other.differences[0].value == "genpolicy/gmpo"
    assert other.final == runs[2].final_evaluation.score


def test_a_later_stage_starts_from_the_score_of_the_one_before(record):
    (curve,) = learning_curves([record("a", stages=TWO_STAGES)]).curves
    assert [stretch.stage for stretch in curve.mean] == ["behaviour", "policy"]
    assert curve.mean[1].points == (Point(40, 40.0), Point(45, 60.0), Point(50, 80.0))


def test_without_reference_returns_the_unit_is_the_return(record):
    found = learning_curves([record("a"), record("b", objective="gmpo", scaled=False)])
    assert found.unit == "return"
    assert [curve.mean[0].points[0] for curve in found.curves] == [Point(10, 52.0)] * 2


def test_a_look_that_is_not_finite_is_a_gap(record):
    (curve,) = learning_curves([record("a", stages={"policy": {10: math.inf, 20: 5.0}})]).curves
    assert math.isnan(curve.mean[0].points[0].value)
    assert curve.mean[0].points[1].value == 5.0


def test_the_mean_ends_where_a_seed_does_and_says_so(record):
    runs = [record("a"), record("b", seed=1, stages={"policy": {10: 30.0}}, final=None)]
    found = learning_curves(runs)
    assert found.curves[0].mean[0].points == (Point(10, 40.0),)
    assert found.curves[0].final == runs[0].final_evaluation.score
    assert found.remarks == (
        "run b has no look after step 10, so the mean of its 2 seeds ends there",
        "not in the final score, for want of one: run b",
    )


def test_of_a_seed_run_twice_the_finished_run_counts_and_then_the_newest(record):
    runs = [record("a"), record("b"), record("c", state="failed", final=None)]
    found = learning_curves(runs)
    assert [seed.run for seed in found.curves[0].seeds] == ["b"]
    assert found.remarks == ("left out, since another run has the same recipe and seed: runs a, c",)


def test_runs_without_looks_are_left_out_and_reference_runs_passed_over(record):
    runs = [record("a"), record("b", stages={}), record("c", stages={}, reference="random")]
    found = learning_curves(runs)
    assert [seed.run for curve in found.curves for seed in curve.seeds] == ["a"]
    assert found.remarks == ("left out, without looks during training: run b",)


def test_only_the_last_checkpoint_has_a_final_score(record):
    (curve,) = learning_curves([record("a", selection="best")]).curves
    assert curve.final is None


def test_a_protocol_with_other_options_has_its_looks_and_its_final_score(record):
    found = learning_curves([record("a", protocol="default[episodes=5]")])
    assert found.protocol == "default[episodes=5]"
    assert found.curves[0].final is not None


def test_runs_without_any_look_are_refused(record):
    runs = [record(f"a{n}", seed=n, stages={}) for n in range(7)]
    with pytest.raises(UsageError) as caught:
        learning_curves(runs)
    assert str(caught.value) == (
        "nothing to draw: no look at the score during training is recorded of runs a0, a1, a2, a3, "
        "a4 and 2 more; runs have looks where their dataset has an environment, unless "
        "train.looks=0"
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"data": DatasetRecord(name="hall", fingerprint="f", transitions=1, episodes=1)},
            "the runs are on different datasets, whose scores do not compare: maze (2 runs), "
            "hall (1 run); name one with --dataset",
        ),
        (
            {"data": DatasetRecord(name="maze", fingerprint="cd" * 9, transitions=1, episodes=1)},
            "the runs learnt from different data, all called 'maze', with fingerprints "
            "abababababab (2 runs), cdcdcdcdcdcd (1 run); name the runs to draw",
        ),
        (
            {"protocol": "long"},
            "the runs were scored by different protocols, whose scores do not compare: "
            "default (2 runs), long (1 run); name the runs to draw",
        ),
        (
            {"expert": 52.0},
            "the scores of the runs lie between different reference returns, so that they do not "
            "compare: 2 to 102 (2 runs), 2 to 52 (1 run); name the runs to draw",
        ),
    ],
)
def test_runs_that_do_not_compare_are_refused(record, changes, sentence):
    runs = [record("a"), record("b", seed=1), record("c", objective="gmpo", **changes)]
    with pytest.raises(UsageError) as caught:
        learning_curves(runs)
    assert str(caught.value) == sentence
