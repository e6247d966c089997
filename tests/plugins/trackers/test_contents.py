"""What is shown of a run, by which names."""

import attrs
import pytest

from genpolicy.records import EvaluationRecord, RunStart
from genpolicy_plugins.trackers.contents import scores_of, settings_of


def test_a_score_is_shown_with_its_interval(final: EvaluationRecord) -> None:
    found = scores_of(final)
    assert found.pop("evaluation/success") == 0.5
    assert found == pytest.approx(
        {
            "evaluation/score": 25.0,
            "evaluation/score_low": final.score.low,
            "evaluation/score_high": final.score.high,
        }
    )


def test_a_return_is_shown_where_there_is_no_score(final: EvaluationRecord) -> None:
    """And no success where the environment does not tell."""
    episodes = tuple(attrs.evolve(episode, success=None) for episode in final.episodes)
    found = scores_of(attrs.evolve(final, expert_return=None, episodes=episodes))
    assert list(found) == ["evaluation/return", "evaluation/return_low", "evaluation/return_high"]
    assert found["evaluation/return"] == 1.0


def test_a_look_is_not_taken_for_the_final_score(final: EvaluationRecord) -> None:
    found = scores_of(attrs.evolve(final, selection=None))
    assert all(name.startswith("look/") for name in found)


def test_the_score_before_online_steps_is_not_taken_for_the_final_one(
    final: EvaluationRecord,
) -> None:
    found = scores_of(attrs.evolve(final, selection="offline"))
    assert all(name.startswith("offline/") for name in found)


def test_settings_are_named_as_a_user_types_them(run: RunStart) -> None:
    assert settings_of(run) == {
        "network": "genpolicy/mlp",
        "network.hidden": "[8, 8]",
        "network.dropout": 0.1,
        "train.ema": 0.9,
        "train.schedule": "constant",
        "evaluation.episodes": 2,
        "seed": 3,
        "recipe_hash": "ab" * 32,
        "fingerprint": "cd" * 32,
        "device": "cpu",
    }
