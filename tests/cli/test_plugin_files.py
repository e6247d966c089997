"""``--plugin FILE.py``: parts that no distribution packages yet."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import genpolicy
from genpolicy.discovery import catalogue
from genpolicy.errors import UnknownPartError

SOURCE = """
import attrs
from genpolicy import Backbone, Batch, Loss, Objective, PartSpec, Stage, hookimpl

@hookimpl
def genpolicy_objectives():
    return [PartSpec(name="lone", summary="not packaged", target="{stem}:Lone")]

@attrs.frozen(kw_only=True)
class Lone(Objective):
    def stages(self):
        return (Stage(name="policy", steps=5, batch_size=8, learning_rates={{"policy": 1e-3}}),)

    def policy_loss(self, batch: Batch, policy: Backbone) -> Loss:
        return Loss(policy.matching_loss(batch.action, batch.observation).mean())
"""

SHORT = ("--objective", "lone", "network=mlp", "network.hidden=8", "train.looks=0")
SHORT += ("evaluation.episodes=2", "evaluation.environments=2", "--quiet")


@pytest.fixture
def lone(place):
    """Write a file with a part, and forget it afterwards."""
    file = place / "folder" / "lone_part.py"
    file.parent.mkdir()
    file.write_text(SOURCE.format(stem=file.stem))
    yield file
    sys.modules.pop(file.stem, None)
    catalogue._catalogue.cache_clear()


@pytest.fixture
def trained(agent, lone):
    """Return the facts of a run with the part."""
    done = agent("run", "--plugin", "folder/lone_part.py", *SHORT, "--json")
    assert done.status == 0, done.err
    return done.json["runs"][0]


@pytest.mark.parametrize(
    "command",
    [
        ("list", "objective"),
        ("info", "objective", "lone"),
        pytest.param(("fits", "--objective", "lone"), marks=pytest.mark.slow),
        ("plugins", "list"),
        ("run", "--dry-run", *SHORT),
    ],
)
def test_commands_that_look_parts_up_find_those_of_a_file(agent, lone, command):
    done = agent(*command, "--plugin", "folder/lone_part.py")
    assert done.status == 0, done.err
    assert "lone" in done.out
    assert "AGENT_PLUGIN_FILES" not in os.environ


@pytest.mark.parametrize(
    "command", [("datasets", "list"), ("recipes",), ("evaluate", "x"), ("resume", "x")]
)
def test_the_other_commands_take_the_option_too(agent, lone, command):
    done = agent(*command, "--plugin", str(lone))
    assert "No such option" not in done.err
    assert done.status in (0, 1, 4)


@pytest.mark.slow
def test_the_doctor_looks_into_files_too(agent, lone):
    lone.write_text(lone.read_text().replace(":Lone", ":Alone"))
    done = agent("plugins", "doctor", "--plugin", str(lone))
    assert done.status == 3
    assert "objective file:lone_part/lone is broken: " in done.out
    assert f"'Lone'?; correct {lone}" in done.out


def test_a_file_is_forgotten_after_the_command(agent, lone):
    assert agent("info", "objective", "lone", "--plugin", str(lone)).status == 0
    assert agent("info", "objective", "lone").status == 3


@pytest.mark.slow
def test_child_processes_find_the_same_files(agent, lone, monkeypatch):
    monkeypatch.setenv("AGENT_PLUGIN_FILES", str(lone))
    assert agent("info", "objective", "lone").status == 0
    code = "from genpolicy.discovery import load_catalogue as l; print(l().names('objective'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'lone'" in done.stdout


@pytest.mark.slow
def test_a_run_is_marked_as_made_with_a_file(agent, trained, lone):
    shown = agent("runs", "show", trained["run"])
    assert f"objective from the single file {lone}, needed to load or resume it" in shown.out
    facts = agent("runs", "show", trained["run"], "--json").json
    (part,) = [part for part in facts["start"]["parts"] if part["slot"] == "objective"]
    assert (part["distribution"], part["version"]) == ("file:lone_part", "unpackaged")
    assert len(part["source_hash"]) == 64
    assert facts["start"]["versions"]["file:lone_part"] == str(lone)


DERIVED = """class Lone(Objective):
    beta: float = option(1.0, help="a scale")
    _half: float = attrs.field(init=False, default=0.0)

    def __attrs_post_init__(self):
        object.__setattr__(self, "_half", self.beta / 2)
"""


@pytest.mark.slow
def test_a_part_with_a_value_derived_from_its_options_is_recorded_without_it(agent, lone):
    text = lone.read_text().replace("class Lone(Objective):\n", DERIVED)
    lone.write_text(text.replace("Stage, hookimpl", "Stage, hookimpl, option"))
    plugin = ("--plugin", str(lone))
    assert "half" not in agent("info", "objective", "lone", *plugin).out
    done = agent("run", *plugin, *SHORT, "objective.beta=3", "--json")
    assert done.status == 0, done.err
    run = done.json["runs"][0]["run"]
    stored = json.loads(Path(f"runs/{run}/agent/agent.json").read_text())
    assert stored["recipe"]["parts"]["objective"]["options"] == {"beta": 3.0}
    assert agent("evaluate", run, "--episodes", "1", *plugin).status == 0
    again = agent("reproduce", run, *plugin)
    assert again.status == 0, again.err
    assert "bit-identical" in again.out


@pytest.mark.slow
def test_an_agent_or_run_without_its_file_says_which_one_it_needs(agent, trained, lone):
    sentence = (
        f"objective 'file:lone_part/lone' needs the file {lone}: name it with --plugin {lone}, or "
        "in AGENT_PLUGIN_FILES"
    )
    folder = f"runs/{trained['run']}/agent"
    done = agent("evaluate", folder)
    assert (done.status, done.err) == (3, f"error: {sentence}\n")
    with pytest.raises(UnknownPartError) as caught:
        genpolicy.load(folder)
    assert str(caught.value) == sentence
    assert agent("evaluate", folder, "--episodes", "1", "--plugin", str(lone)).status == 0


@pytest.mark.slow
def test_a_run_without_its_file_cannot_be_resumed(agent, lone):
    lone.write_text(lone.read_text().replace("return Loss(", "1 / 0\n        return Loss("))
    failed = agent("run", "--plugin", str(lone), *SHORT)
    assert failed.status == 1
    assert "objective 'lone' of file:lone_part unpackaged failed at step 0 of 5" in failed.err
    assert failed.err.rstrip().endswith(f"; correct {lone}")
    run = agent("runs", "--json").json[0]["run"]
    done = agent("resume", run)
    assert done.status == 3
    assert f"needs the file {lone}: name it with --plugin {lone}" in done.err
    again = agent("resume", run, "--plugin", str(lone))
    assert "failed at step 0 of 5" in again.err


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("absent_part.py", None, "there is no file {0}): name one that exists with --plugin"),
        ("torn_part.py", "def (:", "(SyntaxError: invalid syntax (torn_part.py, line 1)): correct"),
        (
            "blank_part.py",
            "x = 1",
            "file:blank_part unpackaged provides nothing: blank_part has none of the hooks",
        ),
        ("no-name.py", "x = 1", "'no-name' cannot name a module of its own here: rename the file"),
        ("json.py", "x = 1", "'json' cannot name a module of its own here: rename the file"),
        ("text_part.txt", "x = 1", "text_part.txt is no Python file): correct {0}"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(agent, place, name, text, sentence):
    file = place / name
    if text is not None:
        file.write_text(text)
    done = agent("list", "--plugin", str(file))
    assert done.status == 3
    assert (done.out, done.err.count("\n")) == ("", 1)
    assert done.err.startswith("error: plugin file:")
    assert sentence.format(file) in done.err


def test_the_listing_of_plugins_goes_on_where_a_file_is_broken(agent, place):
    (place / "torn_part.py").write_text("def (:")
    done = agent("plugins", "list", "--json", "--plugin", "torn_part.py")
    assert done.status == 0
    states = {plugin["distribution"]: plugin["state"] for plugin in json.loads(done.out)}
    assert states["file:torn_part"] == "broken"
    assert states["genpolicy"] == "ok"


@pytest.mark.slow
def test_completion_offers_the_parts_of_a_file_typed_before(lone, place):
    environ = {
        **os.environ,
        "_AGENT_COMPLETE": "complete_bash",
        "COMP_WORDS": f"agent info --plugin {lone} objective lo",
        "COMP_CWORD": "5",
    }
    code = "from genpolicy_cli.main import main; main([])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["lone"]
