import subprocess
import sys

import pytest

from genpolicy.runs.surroundings import git_state, host, versions


@pytest.fixture
def repository(tmp_path):
    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True
        )

    git("init")
    for name in ("code.py", "registry.db"):
        (tmp_path / name).write_text("first\n")
    git("add", ".")
    git("commit", "-m", "first")
    return tmp_path


def test_versions_are_those_of_python_and_of_what_is_installed():
    found = versions()
    assert found["python"] == ".".join(str(number) for number in sys.version_info[:3])
    assert {"genpolicy", "torch", "numpy"} <= found.keys()


def test_the_host_is_described():
    assert host()["processors"] >= 1
    assert host()["platform"]


def test_a_clean_repository_is_clean(repository):
    state = git_state(repository)
    assert len(state.commit) == 40
    assert not state.dirty


def test_a_changed_file_makes_it_dirty_wherever_one_stands(repository):
    (repository / "code.py").write_text("second\n")
    folder = repository / "below"
    folder.mkdir()
    assert git_state(folder).dirty


def test_a_registry_that_grew_and_files_that_are_not_tracked_do_not(repository):
    (repository / "registry.db").write_text("second\n")
    (repository / "notes.txt").write_text("new\n")
    assert not git_state(repository).dirty


def test_outside_a_repository_there_is_no_state(tmp_path):
    assert git_state(tmp_path) is None


def test_without_git_there_is_no_state(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_state(repository) is None
