"""Tags and notes: attached once, found again, taken off."""

import pytest

from genpolicy.errors import RegistryError, UnknownRunError, UsageError
from genpolicy.registry import Registry, RunQuery


def test_a_tag_is_attached_once_and_finds_the_run(registry, make_run):
    registry.start(make_run(tags=("first",))).close()
    registry.start(make_run("d4e5f6")).close()
    for _ in range(2):
        registry.tag("a1b2", ["good one", "first", "good one"])
        assert registry.run("a1b2c3").start.tags == ("first", "good one")
    assert [run.id for run in registry.runs(RunQuery(tags=("good one",)))] == ["a1b2c3"]


def test_a_tag_is_taken_off_and_one_that_is_not_there_is_no_matter(registry, make_run):
    registry.start(make_run(tags=("a", "b"))).close()
    for _ in range(2):
        registry.untag("a1b2c3", ["a", "z"])
        assert registry.run("a1b2c3").start.tags == ("b",)


def test_the_same_note_is_attached_once(registry, make_run):
    registry.start(make_run()).close()
    for text in ("looks fine", "  looks fine\n", "look again"):
        registry.note("a1b2c3", text)
    assert [note.message for note in registry.run("a1b2c3").notes] == ["looks fine", "look again"]


def test_empty_words_are_refused(registry, make_run):
    registry.start(make_run()).close()
    for word in ("", " a"):
        with pytest.raises(UsageError, match="a tag has no spaces around it; got"):
            registry.tag("a1b2c3", ["fine", word])
    with pytest.raises(UsageError, match="a note needs a text"):
        registry.note("a1b2c3", " \n")
    assert registry.run("a1b2c3").start.tags == (), "one bad word, and none is attached"


def test_the_id_of_another_run_is_no_tag(registry, make_run):
    for id in ("a1b2c3", "b2"):
        registry.start(make_run(id)).close()
    with pytest.raises(UsageError, match="'b2' is a run, no tag; tag one run after the other"):
        registry.tag("a1b2c3", ["b2", "paper"])
    assert registry.run("a1b2c3").start.tags == ()


def test_an_unknown_run_gets_nothing(registry, make_run):
    registry.start(make_run()).close()
    for change in (
        lambda: registry.tag("x", ["a"]),
        lambda: registry.untag("x", ["a"]),
        lambda: registry.note("x", "a"),
    ):
        with pytest.raises(UnknownRunError, match="holds no run 'x'"):
            change()


def test_a_registry_opened_for_reading_is_not_changed(location, registry, make_run):
    registry.start(make_run()).close()
    with (
        Registry.open(location, read_only=True) as reader,
        pytest.raises(RegistryError, match="was opened for reading only"),
    ):
        reader.tag("a1b2c3", ["a"])
