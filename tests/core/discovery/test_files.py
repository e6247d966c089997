"""Plugins in single files are carried by the environment."""

import os

from genpolicy.discovery.files import name_files, named_files


def test_no_file_is_named_by_default():
    assert named_files({}) == named_files({"AGENT_PLUGIN_FILES": ""}) == ()


def test_files_are_named_by_their_absolute_paths_each_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = {"AGENT_PLUGIN_FILES": "old.py"}
    (tmp_path / "sub").mkdir()
    paths = [tmp_path / "old.py", tmp_path / "sub" / ".." / "new.py"]
    name_files(paths, environ)
    expected = (tmp_path / "old.py", tmp_path / "new.py")
    assert environ["AGENT_PLUGIN_FILES"] == os.pathsep.join(map(str, expected))
    assert named_files(environ) == expected


def test_the_catalogue_reads_the_environment(site, plugin_code):
    site.write("folder/my_own.py", plugin_code("drift", "my_own:Drift") + "class Drift: ...\n")
    answer = site.ask(("drift",), ("file:my_own/drift",), AGENT_PLUGIN_FILES="folder/my_own.py")
    assert answer["found"] == ["file:my_own/drift"]
    assert answer["loaded"] == ["Drift"]


def test_a_file_named_twice_is_loaded_once(site, plugin_code):
    site.write("lonely.py", plugin_code("drift"))
    answer = site.ask(("drift",), (), ("lonely.py",), AGENT_PLUGIN_FILES="lonely.py")
    assert answer["found"] == ["file:lonely/drift"]
    assert answer["problems"] == []


def test_a_file_may_be_heavy(site, plugin_code):
    site.write("lonely.py", "import sqlalchemy\n" + plugin_code("drift"))
    answer = site.ask(("drift",), (), ("lonely.py",))
    assert answer["plugins"]["file:lonely:lonely"]["heavy_modules"] == ["sqlalchemy"]
    assert answer["notes"] == []


def test_two_files_of_one_name_are_told_apart(site, plugin_code):
    site.write("one/lonely.py", plugin_code("drift"))
    site.write("two/lonely.py", plugin_code("drain"))
    answer = site.ask(("drift",), (), ("one/lonely.py", "two/lonely.py"))
    assert answer["found"] == ["file:lonely/drift"]
    (problem,) = answer["problems"]
    assert "'lonely' cannot name a module of its own here: rename the file" in problem
    assert problem.endswith(f"correct {site.folder / 'two/lonely.py'}")
