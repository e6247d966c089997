"""Protocols by name: what they bring, what is set over them, what records call them."""

import pytest

from genpolicy.composition.choosing import recall
from genpolicy.composition.layers import Layer, from_arguments, from_config
from genpolicy.composition.resolve import resolve
from genpolicy.errors import OptionError
from genpolicy.evaluation.protocol import LOOKS, Protocol, named_protocol
from genpolicy.protocols import PROTOCOLS

BELOW = Layer("recipe below", {"evaluation.episodes": 7, "evaluation.held_out": 0.25})


@pytest.fixture
def evaluation(catalogue):
    """Return the resolved protocol of layers and arguments, and where its options are from."""

    def make(*arguments, layers=()):
        found = resolve(catalogue, [*layers, from_arguments(arguments)], recipe="none")
        return found.evaluation, found.origins

    return make


@pytest.mark.parametrize(
    ("name", "episodes", "selection"),
    [
        ("default", 100, "last"),
        ("d4rl-last", 10, "last"),
        ("fql", 50, "mean-of-last-three"),
        ("best", 100, "best"),
    ],
)
def test_a_named_protocol_brings_its_options_and_is_called_by_its_name_alone(
    name, episodes, selection, evaluation
):
    found, origins = evaluation(f"evaluation.name={name}")
    assert (found.episodes, found.selection, found.label) == (episodes, selection, name)
    assert found == named_protocol(name, Protocol())
    for option in PROTOCOLS[name].options:
        assert origins[f"evaluation.{option}"] == f"protocol {name}"


def test_what_is_set_beside_the_name_holds_and_is_told_by_the_label(evaluation):
    found, origins = evaluation("evaluation.name=fql", "evaluation.episodes=5")
    assert (found.episodes, found.selection) == (5, "mean-of-last-three")
    assert found.label == "fql[episodes=5]"
    assert origins["evaluation.episodes"] == "command line"


def test_a_name_lies_over_what_was_set_for_another_protocol_below_it(evaluation):
    found, origins = evaluation("evaluation.name=d4rl-last", layers=[BELOW])
    assert (found.episodes, found.label) == (10, "d4rl-last")
    assert origins["evaluation.episodes"] == "protocol d4rl-last"
    assert found.held_out == 0.25, "it tells no protocol from another"
    found, _ = evaluation("evaluation.name=default", layers=[BELOW])
    assert found.episodes == 100


def test_an_option_over_a_name_below_it_keeps_the_name(evaluation):
    named = Layer("config", {"evaluation.name": "fql", "evaluation.seed": 3})
    found, _ = evaluation("evaluation.episodes=5", layers=[named])
    assert (found.label, found.episodes) == ("fql[episodes=5,seed=3]", 5)


def test_a_config_file_may_name_a_protocol(evaluation, tmp_path):
    (tmp_path / "mine.toml").write_text('[evaluation]\nname = "fql"\nenvironments = 5\n')
    found, _ = evaluation(layers=[from_config(tmp_path / "mine.toml")])
    assert found.label == "fql[environments=5]"
    assert found.episodes == 50


def test_a_protocol_that_nobody_knows_is_refused_with_the_nearest_name(evaluation):
    with pytest.raises(OptionError, match="there is no protocol 'fqll'; did you mean 'fql'"):
        evaluation("evaluation.name=fqll")
    with pytest.raises(OptionError, match="'zzz'; there are: best, d4rl-last, default, fql"):
        named_protocol("zzz", Protocol())


@pytest.mark.parametrize(("name", "looks"), [("fql", 2), ("fql", 0), ("best", 0)])
def test_a_protocol_of_looks_is_refused_where_there_are_too_few(name, looks, evaluation):
    with pytest.raises(OptionError) as caught:
        evaluation(f"evaluation.name={name}", f"train.looks={looks}")
    which = {"fql": "the last three looks", "best": "the best look"}[name]
    assert str(caught.value) == (
        f"protocol {name!r} scores {which} during training, and train.looks={looks}; set "
        f"train.looks to {LOOKS[PROTOCOLS[name].options['selection']]} or more (10 is usual), or "
        "evaluation.selection=last"
    )


def test_labels_that_were_published_are_what_they_were():
    assert Protocol().label == "default"
    assert Protocol(episodes=5).label == "default[episodes=5]"
    assert Protocol(environments=1, seed=2).label == "default[environments=1,seed=2]"
    assert Protocol(name="mine", episodes=9).label == "mine[episodes=9]"
    assert Protocol(held_out=0.3, fitted_q_steps=0, fitted_q_discount=0.9).label == "default"


def test_another_selection_than_the_names_is_told():
    assert Protocol(selection="best").label == "default[selection=best]"
    assert Protocol(name="fql", episodes=50).label == "fql[selection=last]"


def test_a_record_that_knows_nothing_of_held_out_data_held_none_out(small_recipe, catalogue):
    recipe = small_recipe("gmpo", "evaluation.held_out=0.2", "evaluation.fitted_q_steps=5")
    facts = recipe.as_json()
    assert recall(catalogue, facts).evaluation == recipe.evaluation
    for option in ("held_out", "fitted_q_steps", "fitted_q_discount", "selection"):
        del facts["evaluation"][option]
    older = recall(catalogue, facts).evaluation
    assert (older.held_out, older.fitted_q_steps, older.selection) == (0.0, 0, "last")
