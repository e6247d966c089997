"""A run's folder says whose it is, and whether a process trains the run."""

import json
import os
import signal
import time

import pytest

from genpolicy.registry import marks
from genpolicy.registry.processes import Owner, this_process


def hold(folder, token="x"):
    if folder.is_dir():
        marks.mark(folder, "a1b2c3", "/nowhere.db")
    mark = marks.Mark(folder / marks.FILE_NAME, "a1b2c3", this_process(token), "/nowhere.db")
    mark.hold()
    return mark


def test_a_folder_says_whose_it_is(tmp_path):
    assert not marks.is_marked(tmp_path, "a1b2c3")
    marks.mark(tmp_path, "a1b2c3", "/nowhere.db")
    assert marks.is_marked(tmp_path, "a1b2c3")
    assert not marks.is_marked(tmp_path, "d4e5f6")
    assert marks.holder(tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == [marks.FILE_NAME]


@pytest.mark.parametrize("content", ["", "dear diary", "[]", '{"run": 1}', '{"owner": {"pid": 1}}'])
def test_another_file_says_nothing(tmp_path, content):
    (tmp_path / marks.FILE_NAME).write_text(content)
    assert not marks.is_marked(tmp_path, "a1b2c3")
    assert marks.holder(tmp_path) is None


def test_a_process_holds_a_folder_until_it_lets_go(tmp_path):
    mark = hold(tmp_path)
    assert marks.holder(tmp_path) == mark.owner
    mark.let_go()
    assert marks.holder(tmp_path) is None
    assert marks.is_marked(tmp_path, "a1b2c3")


def test_a_folder_that_does_not_say_so_is_not_held(tmp_path):
    for content in ({}, {"run": "d4e5f6"}):
        (tmp_path / marks.FILE_NAME).write_text(json.dumps(content))
        marks.Mark(tmp_path / marks.FILE_NAME, "a1b2c3", this_process("x"), "/nowhere.db").hold()
        assert json.loads((tmp_path / marks.FILE_NAME).read_text()) == content


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    mark = hold(tmp_path / "a1b2c3")
    mark.beat()
    mark.let_go()
    assert list(tmp_path.iterdir()) == []


def test_who_takes_a_folder_over_holds_it_though_the_other_goes_on(tmp_path):
    former, latter = hold(tmp_path, token="former"), hold(tmp_path, token="latter")
    former.beat()
    former.let_go()
    assert marks.holder(tmp_path) == latter.owner


def test_a_process_that_was_not_heard_of_for_a_minute_holds_nothing(tmp_path):
    mark = hold(tmp_path)
    then = time.time() - 61
    os.utime(tmp_path / marks.FILE_NAME, (then, then))
    assert marks.holder(tmp_path) is None
    mark.beat()
    assert marks.holder(tmp_path) == mark.owner


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        mark = hold(tmp_path)
        os.write(sender, mark.owner.token.encode())
        signal.pause()
    os.read(receiver, 1)
    assert marks.holder(tmp_path) == Owner("x", this_process("x").host, child)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert marks.holder(tmp_path) is None


def test_a_process_that_forked_lets_go_for_its_children_too(tmp_path):
    receiver, sender = os.pipe()
    mark = hold(tmp_path)
    child = os.fork()
    if child == 0:
        os.close(sender)
        os.read(receiver, 1)
        os._exit(0)
    mark.let_go()
    assert marks.holder(tmp_path) is None
    os.close(sender)
    os.waitpid(child, 0)


def test_without_locks_a_folder_still_says_whose_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(marks, "fcntl", None)
    hold(tmp_path)
    assert marks.is_marked(tmp_path, "a1b2c3")
    assert marks.holder(tmp_path) is None
