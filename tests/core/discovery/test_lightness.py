"""Listing parts imports nothing heavy, and every public name is where it is said to be."""

import ast
import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

import genpolicy
from genpolicy.discovery import load_catalogue

LIGHT = """
import sys
import genpolicy
from genpolicy import Observer, PartSpec, Recipe, hookimpl, option
from genpolicy.discovery import load_catalogue

catalogue = load_catalogue()
assert catalogue.find("backbone", "flow").full_name == "genpolicy/flow"
assert catalogue.problems() == catalogue.notes() == [], catalogue.plugins
assert genpolicy.__version__
print(*[name for name in ("torch", "minari", "gymnasium", "sqlalchemy") if name in sys.modules])
"""


def test_the_catalogue_is_built_without_anything_heavy(site):
    assert site.run(LIGHT).stdout == "\n"


def test_no_module_of_this_package_imports_anything_heavy():
    for file in Path(genpolicy.__path__[0], "discovery").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            roots = {name.partition(".")[0] for name in names}
            assert not roots & {"torch", "numpy", "minari", "gymnasium", "sqlalchemy"}, file


def test_type_checkers_and_the_running_program_see_the_same_names():
    tree = ast.parse(Path(genpolicy.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name: (node.module or "").removeprefix("genpolicy.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == genpolicy._HOME
    assert {*seen, "__version__"} == set(genpolicy.__all__)
    assert set(genpolicy.__all__) <= set(dir(genpolicy))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(genpolicy._HOME))
def test_every_public_name_can_be_imported(name):
    module = importlib.import_module(f"genpolicy.{genpolicy._HOME[name]}")
    assert getattr(genpolicy, name) is getattr(module, name)


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'genpolicy' has no attribute 'Holodeck'"):
        _ = genpolicy.Holodeck


def test_our_own_specs_name_files_that_exist():
    for part in load_catalogue().parts():
        if part.distribution != "genpolicy":
            continue
        module, _, name = part.spec.target.partition(":")
        package, _, leaf = module.rpartition(".")
        home = Path(sys.modules["genpolicy_plugins"].__path__[0], *package.split(".")[1:])
        file = name.partition("#")[0]
        path = home / leaf / file if part.kind == "recipe" else home / f"{leaf}.py"
        assert path.is_file(), part.full_name
