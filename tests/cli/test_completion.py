"""What the shell offers."""

import pytest


@pytest.fixture
def offers(agent, monkeypatch):
    """Return what is offered for the last word."""

    def ask(*words):
        monkeypatch.setenv("_AGENT_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(("agent", *words)))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        return agent().out.split()

    return ask


def test_names_of_parts_are_offered(offers):
    assert offers("run", "--backbone", "") == ["flow", "diffusion"]
    assert offers("run", "--solver", "mid") == ["midpoint"]
    assert offers("run", "backbone=f") == ["backbone=flow"]
    assert "none" in offers("run", "--recipe", "")
    assert "backbone" in offers("info", "")
    assert offers("info", "backbone", "fl") == ["flow"]


def test_slots_are_offered(offers):
    assert offers("run", "obj") == ["objective."]
    assert offers("run", "ev") == ["evaluation."]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("objective.be",), ["objective.beta=", "objective.behaviour_steps="]),
        (("--objective", "bc", "objective.st"), ["objective.steps="]),
        (("objective=bc", "objective.le"), ["objective.learning_rate="]),
        (("backbone=flow", "backbone.s"), ["backbone.sigma="]),
        (("solver.st",), ["solver.steps="]),
        (("train.em",), ["train.ema="]),
        (("evaluation.ep",), ["evaluation.episodes="]),
    ],
)
def test_keys_of_the_options_of_the_parts_in_use_are_offered(offers, words, offered):
    assert offers("run", *words)[: len(offered)] == offered


def test_a_completion_that_fails_offers_nothing(offers):
    assert offers("run", "--objective", "nosuch", "objective.b") == []
    assert offers("runs", "show", "x") == []


def test_the_completion_script_can_be_shown(agent, monkeypatch):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = agent("--show-completion", "bash")
    assert done.status == 0
    assert "_AGENT_COMPLETE=complete_bash" in done.out
