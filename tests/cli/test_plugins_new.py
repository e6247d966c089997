"""``agent plugins new``: what it writes works as it stands, and what it cannot write it says."""

import subprocess
import sys

import pytest

from genpolicy.discovery.spec import KINDS

EVERY = tuple(word for kind in KINDS for word in ("--kind", kind))
SHORT = ("train.looks=0", "evaluation.episodes=2", "evaluation.environments=2", "--quiet")


def test_it_writes_a_distribution_and_says_what_comes_next(agent, place):
    done = agent("plugins", "new", "drift", "--kind", "objective", "--kind", "backbone")
    assert done.status == 0
    assert done.out == "wrote genpolicy-drift: backbone, objective 'drift'\n"
    assert "cd genpolicy-drift && pip install -e '.[test]' && pytest && agent plugins" in done.err
    assert "agent run --backbone drift --objective drift" in done.err
    assert "note:" not in done.err
    assert (place / "genpolicy-drift/genpolicy_drift/backbone.py").is_file()


def test_it_writes_into_the_folder_that_is_named(agent, place):
    assert agent("plugins", "new", "drift", "--kind", "solver", "--out", "deep/er").status == 0
    assert (place / "deep/er/genpolicy-drift/pyproject.toml").is_file()


def test_a_name_of_ours_is_noted_and_typed_in_full(agent, place):
    done = agent("plugins", "new", "one-step", "--kind", "backbone", "--kind", "network")
    assert done.status == 0
    assert (
        "note: backbone 'one-step' is genpolicy/one-step's name as well; yours is "
        "genpolicy-one-step/one-step" in done.err
    )
    command = "agent run --backbone genpolicy-one-step/one-step --network one-step"
    assert command in done.err
    assert command in (place / "genpolicy-one-step/README.md").read_text()


def test_a_folder_with_something_in_it_is_left_alone(agent, place):
    (place / "genpolicy-drift").mkdir()
    (place / "genpolicy-drift/mine.txt").write_text("mine")
    done = agent("plugins", "new", "drift", "--kind", "solver")
    assert done.status == 2
    assert "'genpolicy-drift' is there already, and nothing is overwritten" in done.err
    assert [path.name for path in (place / "genpolicy-drift").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Drift", "--kind", "solver"), "such as 'drift'"),
        (("drift", "--kind", "sovler"), "did you mean 'solver'?"),
        (("plugins", "--kind", "solver"), "choose another name"),
        (("drift",), "Missing option '--kind'"),
        (("--kind", "solver"), "Missing argument 'NAME'"),
    ],
)
def test_what_it_cannot_write_is_refused_in_words(agent, place, arguments, words):
    done = agent("plugins", "new", *arguments)
    assert done.status == 2
    assert words in done.err
    assert list(place.iterdir()) == []


def test_writing_one_imports_nothing_heavy(place):
    code = (
        "import sys; from genpolicy_cli.main import main; "
        "main(['plugins', 'new', 'drift', '--kind', 'backbone']); "
        "print([name for name in ('torch', 'numpy', 'sqlalchemy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_parts_of_all_kinds_are_right_as_they_stand_and_train_together(agent, environment):
    name = "every"
    agent("plugins", "new", name, *EVERY, "--out", str(environment.folder))
    project = environment.folder / "genpolicy-every"
    environment.install_editable(project)
    tested = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=project)
    assert tested.status == 0, tested.out
    checked = environment.agent("plugins", "check", ".", cwd=project)
    assert checked.status == 0, checked.out
    assert f"all well: {len(KINDS)} part(s)" in checked.out
    chosen = [word for kind in KINDS for word in (f"--{kind}", name)]
    chosen += ["objective.steps=20", "evaluation.fitted_q_steps=5"]
    trained = environment.agent("run", *chosen, *SHORT)
    assert trained.status == 0, trained.err
    assert "every has no environment" in trained.out


@pytest.mark.slow
def test_a_part_of_one_kind_trains_on_the_embedded_data_under_its_full_name(agent, environment):
    agent("plugins", "new", "one-step", "--kind", "backbone", "--out", str(environment.folder))
    project = environment.folder / "genpolicy-one-step"
    environment.install_editable(project)
    checked = environment.agent("plugins", "check", ".", cwd=project)
    assert checked.status == 0, checked.out
    chosen = ("--backbone", "genpolicy-one-step/one-step", "--objective", "bc")
    settings = ("objective.steps=20", "network.hidden=16", *SHORT)
    trained = environment.agent("run", *chosen, *settings)
    assert trained.status == 0, trained.err
    assert "normalised score" in trained.out
    shown = environment.agent("runs", "show", trained.out.split("run ")[-1].split()[0], "--json")
    assert '"name": "genpolicy-one-step/one-step"' in shown.out
