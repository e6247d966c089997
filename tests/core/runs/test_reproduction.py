"""The verdict on a repetition."""

from types import SimpleNamespace

import attrs
import pytest

from genpolicy.records import EpisodeRecord, EvaluationRecord
from genpolicy.runs.reproduction import compare, in_words


def run(returns, weights="a", seeds=None, reference=(0.0, 100.0)):
    seeds = seeds or range(len(returns))
    episodes = tuple(
        EpisodeRecord(return_=value, length=1, success=None, steps_to_success=None, seed=seed)
        for value, seed in zip(returns, seeds, strict=True)
    )
    final = EvaluationRecord(
        stage="policy",
        step=1,
        protocol="default",
        selection="last",
        environment={},
        seed=0,
        episodes=episodes,
        random_return=reference[0],
        expert_return=reference[1],
    )
    agent = SimpleNamespace(kind="agent", sha256=weights)
    return SimpleNamespace(final_evaluation=final if returns else None, artifacts=(agent,))


def test_the_same_weights_and_episodes_are_bit_identical():
    found = compare(run([1.0, 2.0]), run([1.0, 2.0]))
    assert found.verdict == "bit-identical"
    assert found.same_weights


def test_the_same_weights_that_score_otherwise_are_not_bit_identical():
    assert compare(run([1.0, 2.0]), run([1.0, 2.1])).verdict == "agrees"


def test_episodes_of_the_same_start_are_paired():
    """Unpaired, a spread of 100 between starts would hide a difference of 1 at each."""
    then, now = run([0.0, 100.0, 200.0]), run([1.0, 101.0, 201.1], weights="b")
    found = compare(then, now)
    assert found.verdict == "differs"
    assert found.difference.mean == pytest.approx(1.0333, abs=1e-3)
    apart = compare(then, run([1.0, 101.0, 201.1], weights="b", seeds=[7, 8, 9]))
    assert apart.verdict == "agrees"
    assert apart.difference.mean == pytest.approx(1.0333, abs=1e-3)


def test_differences_are_in_scores_where_there_are_scores():
    then, now = run([0.0, 1.0], reference=(0.0, 10.0)), run([1.0, 2.0], "b", reference=(0.0, 10.0))
    assert compare(then, now).difference.mean == pytest.approx(10.0)
    final = then.final_evaluation
    assert "the score differs by +10.00" in in_words(compare(then, now), final)
    unknown = attrs.evolve(final, random_return=None)
    bare = SimpleNamespace(final_evaluation=unknown, artifacts=then.artifacts)
    found = compare(bare, now)
    assert found.difference.mean == pytest.approx(1.0)
    assert "the return differs by +1.00" in in_words(found, unknown)


def test_a_run_that_kept_no_agent_is_never_bit_identical():
    bare = SimpleNamespace(final_evaluation=run([1.0, 2.0]).final_evaluation, artifacts=())
    assert compare(bare, bare).verdict == "agrees"


def test_rounding_alone_agrees_and_one_episode_is_undecided():
    then = run([1.0, 2.0, 3.0])
    assert compare(then, run([1.0 + 1e-9, 2.0 + 1e-9, 3.0 + 1e-9], "b")).verdict == "agrees"
    assert compare(run([1.0]), run([1.0], "b")).verdict == "agrees"
    found = compare(run([1.0]), run([2.0], "b"))
    assert found.verdict == "undecided"
    assert "undecided: the score differs by +1.00" in in_words(found, then.final_evaluation)
