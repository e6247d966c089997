"""Finding parts by name, and loading them."""

import sys
import types
from abc import ABC, abstractmethod

import pytest

from genpolicy import PartSpec, hookimpl
from genpolicy.discovery import Catalogue, PartEntry, load_catalogue
from genpolicy.errors import AmbiguousPartError, BrokenPartError, UnknownPartError


class Base(ABC):
    @abstractmethod
    def build(self): ...


class Whole(Base):
    def build(self): ...


class Half(Base): ...


class Other: ...


def provider(*names, hook="genpolicy_backbones", aliases=()):
    module = types.ModuleType("given")
    specs = [
        PartSpec(name=name, summary="a test", target="nowhere:Thing", aliases=aliases)
        for name in names
    ]
    setattr(module, hook, hookimpl(lambda: specs))
    return module


def entry(target, kind="backbone"):
    spec = PartSpec(name="drift", summary="a test", target=target)
    return PartEntry(kind=kind, spec=spec, distribution="foo", version="1.0")


@pytest.fixture
def catalogue():
    return Catalogue.from_plugins(
        {
            "genpolicy": provider("flow", "maze/small"),
            "Foo_Bar": provider("drift", "flow", "shared", aliases=()),
            "baz": provider("shared", "drain", aliases=()),
            "alias": provider("river", aliases=("stream", "maze/small")),
            "maze": provider("small", "big"),
        }
    )


@pytest.mark.parametrize(
    ("name", "full_name"),
    [
        ("flow", "genpolicy/flow"),
        ("genpolicy/flow", "genpolicy/flow"),
        ("foo-bar/flow", "foo-bar/flow"),
        ("Foo_Bar/drift", "foo-bar/drift"),
        ("drift", "foo-bar/drift"),
        ("stream", "alias/river"),
        ("alias/stream", "alias/river"),
        ("baz/shared", "baz/shared"),
        ("maze/small", "genpolicy/maze/small"),
        ("genpolicy/maze/small", "genpolicy/maze/small"),
        ("maze/big", "maze/big"),
    ],
)
def test_a_part_is_found_by_bare_name_alias_and_full_name(catalogue, name, full_name):
    assert catalogue.find("backbone", name).full_name == full_name


def test_a_name_of_two_third_parties_is_an_error_that_lists_both(catalogue):
    with pytest.raises(AmbiguousPartError) as caught:
        catalogue.find("backbone", "shared")
    assert str(caught.value) == (
        "2 installed distributions provide a backbone 'shared'; name one of them in full: "
        "foo-bar/shared, baz/shared"
    )


def test_names_are_the_shortest_that_find_each_part(catalogue):
    names = catalogue.names("backbone")
    assert {"flow", "foo-bar/flow", "foo-bar/shared", "baz/shared", "drift", "big"} <= set(names)
    found = [catalogue.find("backbone", name) for name in names if name != "small"]
    assert len(set(found)) == len(found)


def test_notes_tell_which_names_are_contested(catalogue):
    notes = catalogue.notes()
    assert "backbone 'flow' means genpolicy/flow; to have another, type foo-bar/flow" in notes
    assert "backbone 'shared' is claimed by 2 plugins: type foo-bar/shared or baz/shared" in notes


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("backbone", "drfit", "no installed plugin provides backbone 'drfit'; did you mean"),
        ("backbone", "foo-bar/drfit", "did you mean 'foo-bar/drift'?"),
        ("solver", "flow", "the part of that name is of kind backbone"),
        ("backbnoe", "flow", "no kind of part called 'backbnoe'; did you mean 'backbone'?"),
    ],
)
def test_an_unknown_name_gets_a_hint(catalogue, kind, name, words):
    with pytest.raises(UnknownPartError) as caught:
        catalogue.find(kind, name)
    assert words in str(caught.value)
    assert "doctor" not in str(caught.value)


def test_a_stored_name_never_finds_a_part_that_only_looks_like_it(catalogue):
    assert catalogue.find_full("backbone", "maze/small").full_name == "maze/small"
    with pytest.raises(UnknownPartError, match="'foo-bar/gone'"):
        catalogue.find_full("backbone", "foo-bar/gone")


def test_a_stored_name_of_a_missing_distribution_says_what_to_install(catalogue):
    with pytest.raises(UnknownPartError) as caught:
        catalogue.find_full("backbone", "genpolicy-gone/drift")
    assert str(caught.value) == (
        "backbone 'genpolicy-gone/drift' needs the plugin genpolicy-gone, which is not installed: "
        "`pip install genpolicy-gone`"
    )


@pytest.mark.parametrize(
    ("name", "known", "sentence"),
    [
        (
            "genpolicy-gone/drift",
            "1.2",
            "needs the plugin genpolicy-gone 1.2, which is not installed: `pip install "
            "genpolicy-gone==1.2`",
        ),
        (
            "file:My_own/drift",
            "/a/My_own.py",
            "needs the file /a/My_own.py: name it with --plugin /a/My_own.py, or in "
            "AGENT_PLUGIN_FILES",
        ),
        ("file:gone/drift", "unpackaged", "needs the file gone.py: name it with --plugin gone.py"),
        ("file:gone/drift", None, "needs the file gone.py: name it with --plugin gone.py"),
    ],
)
def test_what_is_recorded_of_a_missing_distribution_is_asked_for(catalogue, name, known, sentence):
    with pytest.raises(UnknownPartError) as caught:
        catalogue.find_full("backbone", name, known)
    assert str(caught.value).startswith(f"backbone {name!r} {sentence}")


def test_parts_are_ordered_by_kind_with_our_own_first():
    catalogue = Catalogue.from_plugins(
        {"genpolicy": provider("euler", hook="genpolicy_solvers"), "foo": provider("drift")}
    )
    assert [part.full_name for part in catalogue.parts()] == ["foo/drift", "genpolicy/euler"]
    assert [part.full_name for part in catalogue.parts("solver")] == ["genpolicy/euler"]


def test_the_catalogue_is_built_once():
    assert load_catalogue() is load_catalogue()


@pytest.fixture
def target(monkeypatch):
    module = types.ModuleType("made_up_target")
    module.__dict__.update(Whole=Whole, Half=Half, Other=Other, number=3)
    monkeypatch.setitem(sys.modules, "made_up_target", module)


@pytest.mark.usefixtures("target")
def test_a_class_is_loaded(catalogue):
    assert catalogue.load(entry("made_up_target:Whole"), Base) is Whole


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Hwole", "is missing from its module; did you mean 'Whole'?"),
        ("number", "is of type int and not a class"),
        ("Other", "is a class of object, but must be one of Base"),
        ("Half", "does not define build, which every Base must"),
    ],
)
@pytest.mark.usefixtures("target")
def test_a_target_of_the_wrong_sort_is_refused(catalogue, name, words):
    with pytest.raises(BrokenPartError) as caught:
        catalogue.load(entry(f"made_up_target:{name}"), Base)
    message = str(caught.value)
    assert message.startswith(f"backbone 'drift' of plugin foo 1.0: made_up_target:{name} {words}")
    assert "`pip install -U foo`" in message
    assert message.endswith("see `agent plugins doctor`")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit('no licence')", "it called sys.exit(no licence)"),
        ("import surely_not_installed", "ModuleNotFoundError: No module named 'surely"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def __getattr__(name): raise OSError('lazy')", "OSError: lazy"),
    ],
)
def test_a_target_that_fails_to_import_is_told_in_words(
    catalogue, code, words, tmp_path, monkeypatch
):
    name = f"failing_{abs(hash(code))}"
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BrokenPartError) as caught:
        catalogue.load(entry(f"{name}:Drift"), Base)
    assert f"backbone 'drift' of plugin foo 1.0 failed to load ({words}" in str(caught.value)
    assert "`pip install" in str(caught.value)
    assert str(caught.value).endswith("see `agent plugins doctor`")
    assert caught.value.__cause__ is not None


def test_what_a_target_prints_goes_to_the_standard_error(catalogue, tmp_path, monkeypatch, capfd):
    code = "import os\nprint('hello')\nos.write(1, b'deep\\n')\nclass Drift: ..."
    (tmp_path / "printing_target.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    catalogue.load(entry("printing_target:Drift"), object)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert sorted(printed.err.split()) == ["deep", "hello"]


def test_a_recipe_is_read_and_a_missing_one_named(catalogue, tmp_path, monkeypatch):
    (tmp_path / "recipe_home").mkdir()
    (tmp_path / "recipe_home" / "fast.toml").write_text("backbone = 'flöw'", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert catalogue.read(entry("recipe_home:fast.toml", "recipe")) == "backbone = 'flöw'"
    with pytest.raises(BrokenPartError, match=r"did you mean 'fast\.toml'\?"):
        catalogue.read(entry("recipe_home:fsat.toml", "recipe"))
    with pytest.raises(BrokenPartError, match="No module named 'no_such_home'"):
        catalogue.read(entry("no_such_home:fast.toml", "recipe"))
