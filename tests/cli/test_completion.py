"""What the shell offers."""

import pytest

from genpolicy.discovery import load_catalogue
from genpolicy.registry import Registry
from recorded import record, run_start

SINGLE_FILE = """
import attrs
from genpolicy import Inference, PartSpec, hookimpl, option

@hookimpl
def genpolicy_inferences():
    return [PartSpec(name="own", summary="mine", target="lonely:Own")]

@attrs.frozen(kw_only=True)
class Own(Inference):
    stretch: float = option(1.0, help="how far")
"""


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
    assert offers("run", "--backbone", "")[:2] == ["flow", "diffusion"]
    assert offers("run", "--solver", "mid") == ["midpoint"]
    assert offers("run", "backbone=f") == ["backbone=flow"]
    assert "none" in offers("run", "--recipe", "")
    assert offers("run", "--protocol", "f") == ["fql"]
    assert offers("evaluate", "--protocol", "") == ["default", "d4rl-last", "fql", "best"]
    assert "backbone" in offers("info", "")
    assert offers("info", "backbone", "fl") == ["flow"]


def test_slots_are_offered(offers):
    assert offers("run", "obj") == ["objective."]
    assert offers("run", "ev") == ["evaluation."]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("objective.bet",), ["objective.beta="]),
        (("--objective", "bc", "objective.st"), ["objective.steps="]),
        (("objective=bc", "objective.le"), ["objective.learning_rate="]),
        (("backbone=flow", "backbone.s"), ["backbone.sigma="]),
        (("solver.st",), ["solver.steps="]),
        (("--dataset", "npz:mine.npz", "dataset.pa"), ["dataset.path="]),
        (("train.em",), ["train.ema="]),
        (("evaluation.ep",), ["evaluation.episodes="]),
    ],
)
def test_keys_of_the_options_of_the_parts_in_use_are_offered(offers, words, offered):
    assert offers("run", *words)[: len(offered)] == offered


def test_keys_of_a_part_in_a_single_file_are_offered(offers, place, monkeypatch):
    file = place / "apart" / "lonely.py"
    file.parent.mkdir()
    file.write_text(SINGLE_FILE)
    found = load_catalogue([file])
    monkeypatch.setattr("genpolicy_cli.completion._catalogue", lambda: found)
    offered = ["inference.stretch="]
    assert offers("run", "--inference", "file:lonely/own", "inference.st") == offered


@pytest.fixture
def recorded(place):
    with Registry.open("registry.db") as registry:
        for number in range(60):
            tags = ("paper",) if number == 0 else ()
            record(registry, run_start(f"r{number:02}", tags=tags))


def test_ids_of_runs_are_offered_however_old(offers, recorded):
    assert offers("runs", "show", "r00") == ["r00"]
    assert offers("runs", "diff", "r59", "r5")[0] == "r59"
    assert len(offers("resume", "")) == 50
    for command in (("runs", "show"), ("reproduce",), ("resume",), ("plot",), ("density",)):
        assert offers(*command, "r01") == ["r01"], command


def test_runs_and_folders_are_offered_where_both_will_do(offers, recorded, place):
    (place / "r01-copy").mkdir()
    assert offers("evaluate", "r01") == ["r01", "r01-copy/"]
    (place / "r01-copy" / "agent").mkdir()
    assert offers("evaluate", "r01-copy/") == ["r01-copy/agent/"]


def test_what_runs_are_told_apart_by_is_offered(offers, recorded):
    assert offers("runs", "--tag", "p") == ["paper"]
    assert offers("runs", "--sort", "sc") == ["score"]
    assert offers("runs", "--columns", "sc") == ["score"]
    assert offers("runs", "--columns", "run,sc") == ["run,score"]
    assert offers("runs", "--state", "fi") == ["finished"]
    assert offers("runs", "--backbone", "fl") == ["flow"]


def test_a_completion_that_fails_offers_nothing(offers):
    assert offers("run", "--objective", "nosuch", "objective.b") == []
    assert offers("runs", "show", "x") == []


def test_the_completion_script_can_be_shown(agent, monkeypatch):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = agent("--show-completion", "bash")
    assert done.status == 0
    assert "_AGENT_COMPLETE=complete_bash" in done.out


def test_the_options_of_a_dataset_are_offered_where_data_are_looked_at(offers):
    assert offers("datasets", "check", "npz:mine.npz", "dataset.pa") == ["dataset.path="]
    assert "dataset.fraction=" in offers("datasets", "stats", "pointmaze/umaze", "dataset.")
    assert offers("datasets", "info", "pointmaze/umaze", "objective.") == []
    assert "npz" in offers("datasets", "info", "")
