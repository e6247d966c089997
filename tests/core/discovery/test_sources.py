"""Which plugins are found: colliding, hidden, duplicated and unpackaged ones."""

import sys

from genpolicy.discovery.loader import load_plugins


def test_two_distributions_with_the_same_entry_point_name_both_load(site, plugin_code):
    site.add("one", plugin_code("drift"), entry_point="parts")
    site.add("two", plugin_code("drain"), entry_point="parts")
    answer = site.ask(find=("drift", "drain"))
    assert answer["found"] == ["one/drift", "two/drain"]
    assert {"one:parts", "two:parts", "genpolicy:builtin"} == set(answer["plugins"])


def test_one_distribution_may_have_several_plugins_but_each_name_once(site, plugin_code):
    site.add("one", plugin_code("drift"))
    site.write("one/more.py", plugin_code("drift"))
    site.register("one", "1.0", "[genpolicy]\nparts = one.plugin\nmore = one.more\n")
    answer = site.ask(find=("drift",))
    assert answer["found"] == ["one/drift"]
    assert "two backbone parts that answer to 'drift'" in answer["problems"][0]


def test_names_that_two_distributions_claim_are_an_error_only_when_used(site, plugin_code):
    site.add("one", plugin_code("drift"))
    site.add("two", plugin_code("drift"))
    answer = site.ask(find=("drift", "two/drift", "flow"))
    assert answer["found"][0].startswith("AmbiguousPartError: 2 installed distributions")
    assert "one/drift, two/drift" in answer["found"][0]
    assert answer["found"][1:] == ["two/drift", "genpolicy/flow"]
    assert answer["problems"] == []


def test_a_built_in_name_stays_ours_and_the_other_keeps_its_full_name(site, plugin_code):
    site.add("one", plugin_code("flow"))
    answer = site.ask(find=("flow", "one/flow"))
    assert answer["found"] == ["genpolicy/flow", "one/flow"]
    assert answer["notes"] == [
        "backbone 'flow' means genpolicy/flow; to have another, type one/flow"
    ]
    assert answer["backbones"][-1] == "one/flow"


def test_two_copies_of_one_distribution_are_reported_and_load_once(site, plugin_code):
    site.add("twice", plugin_code("drift"), version="1.0")
    site.register("twice", "2.0", "[genpolicy]\nparts = twice.plugin\n")
    answer = site.ask(find=("drift",))
    (note,) = answer["notes"]
    assert note.startswith("twice is installed 2 times (")
    assert f"2.0 in {site.folder}" in note
    assert "`pip uninstall twice` until none is left" in note
    assert answer["found"] == ["twice/drift"]


def test_a_stale_egg_info_hides_nothing(site, plugin_code):
    site.add("stale", plugin_code("drift"))
    site.write("checkout/stale.egg-info/PKG-INFO", "Name: stale\nVersion: 0.1\n")
    answer = site.ask(find=("drift",), PYTHONPATH=f"{site.folder / 'checkout'}:{site.folder}")
    assert answer["found"] == ["stale/drift"]
    assert "stale is installed 2 times (0.1 in" in answer["notes"][0]


def test_two_copies_that_say_the_same_are_no_news(site, plugin_code):
    """An editable installation by setuptools leaves an egg-info in the project's folder."""
    site.add("twin", plugin_code("drift"))
    site.write("project/twin.egg-info/PKG-INFO", "Name: twin\nVersion: 1.0\n")
    site.write("project/twin.egg-info/entry_points.txt", "[genpolicy]\nparts = twin.plugin\n")
    answer = site.ask(find=("drift",), PYTHONPATH=f"{site.folder}:{site.folder / 'project'}")
    assert answer["found"] == ["twin/drift"]
    assert answer["notes"] == []


def test_the_same_folder_twice_on_the_path_is_no_duplicate(site, plugin_code):
    site.add("once", plugin_code("drift"))
    (site.folder / "link").symlink_to(site.folder)
    answer = site.ask(PYTHONPATH=f"{site.folder}:{site.folder / 'link'}")
    assert answer["notes"] == []


def test_entry_points_that_cannot_be_read_belong_to_a_broken_plugin(site):
    site.register("garbled", "1.0", "[genpolicy]\nthis is no entry point\n")
    answer = site.ask(find=("flow",))
    assert "plugin garbled 1.0 failed to load" in answer["problems"][0]
    assert "its entry_points.txt cannot be read" in answer["problems"][0]
    assert answer["found"] == ["genpolicy/flow"]


def test_a_checkout_that_is_not_installed_is_told_so(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    (record,), _ = load_plugins()
    assert record.state == "broken"
    assert record.problem.startswith("genpolicy itself is not installed, so its own parts are")
    assert record.problem.endswith("`pip install -e .`")


def test_a_single_file_can_be_a_plugin(site, plugin_code):
    site.write("folder/lonely.py", plugin_code("drift", "lonely:Drift") + "class Drift: ...\n")
    site.write("folder/failing.py", "1 / 0")
    site.write("folder/json.py", plugin_code("drain"))
    answer = site.ask(
        find=("drift", "file:lonely/drift"),
        load=("drift",),
        extra_files=("folder/lonely.py", "folder/failing.py", "folder/json.py", "absent.py"),
    )
    assert answer["found"] == ["file:lonely/drift", "file:lonely/drift"]
    assert answer["loaded"] == ["Drift"]
    failing, json, absent = answer["problems"]
    assert failing.startswith("plugin file:failing unpackaged failed to load (ZeroDivisionError")
    assert failing.endswith(f": correct {site.folder / 'folder/failing.py'}")
    assert "'json' cannot name a module of its own here: rename the file" in json
    assert f"there is no file {site.folder / 'absent.py'}" in absent
    assert absent.endswith(": name one that exists with --plugin")
