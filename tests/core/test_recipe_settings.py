"""Recorded recipes, value by value."""

import pytest

from genpolicy.recipe_settings import Setting, flat, nearest_key, settings_of

AGENT = {
    "parts": {
        "objective": {"name": "genpolicy/bc", "options": {"steps": 5}},
        "student.backbone": {"name": "x/one-step", "options": {}},
        "critic": None,
    },
    "train": {"ema": 0.9},
    "evaluation": {"episodes": 2},
}
REFERENCE = {
    "reference": "expert",
    "dataset": {"name": "genpolicy/maze", "options": {"size": 3}},
    "evaluation": {"episodes": 2},
}


def test_values_have_the_keys_that_a_user_types():
    assert flat(AGENT) == {
        "objective": "genpolicy/bc",
        "objective.steps": 5,
        "student.backbone": "x/one-step",
        "train.ema": 0.9,
        "evaluation.episodes": 2,
    }


def test_a_reference_policy_has_its_data_alone():
    expected = {"dataset": "genpolicy/maze", "dataset.size": 3, "evaluation.episodes": 2}
    assert flat(REFERENCE) == expected
    assert flat({}) == {}


def test_settings_say_where_values_came_from():
    settings = settings_of(AGENT, {"objective.steps": "command line"})
    assert [each.value for each in settings] == [*flat(AGENT).values()]
    assert settings[1] == Setting(
        slot="objective", part="genpolicy/bc", option="steps", value=5, origin="command line"
    )
    assert (settings[2].slot, settings[2].option) == ("student.backbone", None)
    assert (settings[-1].part, settings[-1].origin) == (None, "default")


@pytest.mark.parametrize(
    ("key", "end"),
    [
        ("objective.bta", "; did you mean 'objective.beta'?"),
        ("objectiv.beta", "; did you mean 'objective.beta'?"),
        ("train.zzzzzzzzzzzz", "; there are: train.ema"),
        ("zzz.qqq", "; there are: objective.beta, objective.steps, train.ema"),
    ],
)
def test_a_key_that_is_not_known_is_told_the_nearest(key, end):
    assert nearest_key(key, ["objective.steps", "objective.beta", "train.ema"]) == end
