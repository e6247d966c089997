from collections.abc import Callable
from pathlib import Path

import pytest

import genpolicy_plugins.plugin
from genpolicy import PartSpec, hookimpl, recipe_specs
from genpolicy.composition.layers import Layer
from genpolicy.composition.named_recipe import NamedRecipe, read_recipe
from genpolicy.composition.resolve import resolve
from genpolicy.discovery import Catalogue
from genpolicy.errors import BrokenPartError, OptionError

Install = Callable[[str], Catalogue]

PAPER = """
summary = "a method of a paper"
source = "somebody, somewhere"
departs = ["in one way"]

[settings]
objective.name = "gmpo"
objective.max_weight = 50.0
train.ema = 0.5

[when.gmpo]
objective.beta = 2.0
train.ema = 0.9

[when.gmpg]
objective.beta = 4.0

[tasks.easy]
data = "the easy data"
settings.dataset = "pointmaze/medium"

[tasks.hard]
data = "the hard data"
source = "somebody else"
departs = ["in another"]
transitions = 1_000
epochs = { policy = 3 }
[tasks.hard.settings]
train.ema = 0.25
[tasks.hard.when.gmpo]
objective.beta = 8.0
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Write ``paper.toml`` into a package, and list its recipes beside our own parts."""
    home = tmp_path / "paper_home"
    home.mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str) -> Catalogue:
        (home / "paper.toml").write_text(text, encoding="utf-8")
        return Catalogue.from_plugins({"genpolicy": genpolicy_plugins.plugin, "paper": _Paper()})

    return write


class _Paper:
    @hookimpl
    def genpolicy_recipes(self) -> list[PartSpec]:
        return recipe_specs("paper_home")


def _read(catalogue: Catalogue, name: str) -> NamedRecipe:
    return read_recipe(catalogue, catalogue.find("recipe", name))


def test_a_task_goes_over_what_its_method_says(install: Install) -> None:
    hard = _read(install(PAPER), "paper/hard")
    assert (hard.name, hard.source, hard.data) == ("paper/hard", "somebody else", "the hard data")
    assert hard.departs == ("in one way", "in another")
    assert (hard.transitions, hard.epochs) == (1_000, {"policy": 3})
    assert hard.settings == {
        "objective.name": "gmpo",
        "objective.max_weight": 50.0,
        "train.ema": 0.25,
    }
    assert hard.when["gmpo"] == {"objective.beta": 8.0, "train.ema": 0.9}
    easy = _read(install(PAPER), "paper/easy")
    assert (easy.source, easy.departs) == ("somebody, somewhere", ("in one way",))
    assert (easy.objective, easy.dataset) == ("gmpo", "pointmaze/medium")


def test_a_recipe_says_more_for_the_objective_that_is_used(install: Install) -> None:
    used, own = _read(install(PAPER), "paper/easy").layer(None, "bc")
    assert (used, own.origin) == ("gmpo", "recipe paper/easy")
    assert own.values["objective.beta"] == 2.0
    assert own.values["train.ema"] == 0.9


def test_options_of_a_recipes_objective_are_not_meant_for_another(install: Install) -> None:
    easy = _read(install(PAPER), "paper/easy")
    used, other = easy.layer("gmpg", "bc")
    assert used == "gmpg"
    assert other.values == {
        "dataset": "pointmaze/medium",
        "objective": "gmpg",
        "objective.beta": 4.0,
        "train.ema": 0.5,
    }
    assert "objective.beta" not in easy.layer("bc", "bc")[1].values


def test_a_recipe_without_an_objective_means_the_default_one() -> None:
    recipe = NamedRecipe(name="quick", when={"gmpg": {"objective.beta": 4.0}})
    assert recipe.layer(None, "gmpg")[1].values == {"objective.beta": 4.0}
    assert recipe.layer("bc", "gmpg")[1].values == {"objective": "bc"}


def test_an_agent_is_resolved_from_a_task(install: Install) -> None:
    found = resolve(install(PAPER), [], recipe="paper/easy")
    assert found.chosen["dataset"].name == "pointmaze/medium"
    assert found.origins["dataset"] == "recipe paper/easy"
    assert found.origins["objective.max_weight"] == "recipe paper/easy"
    other = resolve(install(PAPER), [Layer("typed", {"objective": "gmpg"})], recipe="paper/easy")
    assert other.chosen["objective"].name == "gmpg"


def test_settings_for_data_that_cannot_be_had_are_refused_without_a_dataset(
    install: Install,
) -> None:
    catalogue = install(PAPER)
    words = r"recipe paper/hard names no dataset: its settings are for the hard data, .* --dataset"
    with pytest.raises(OptionError, match=words):
        resolve(catalogue, [], recipe="paper/hard")
    mine = resolve(catalogue, [Layer("typed", {"dataset": "npz:mine.npz"})], recipe="paper/hard")
    assert mine.chosen["dataset"].name == "npz"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("[setings]\na = 1", r"paper\.toml has no place for 'setings'; did you mean 'settings'"),
        ("[tasks.a]\ndatum = 'x'", r"task a, has no place for 'datum'; did you mean 'data'"),
        ("[tasks.a]\ndata = 3", "task a, says data = 3, where a str belongs"),
        ("[tasks]\na = 3", r"paper\.toml, task a, must be a table; got 3"),
        ("[settings]\na = flow", r"paper\.toml is not valid TOML: .*line 3"),
    ],
)
def test_a_file_that_says_what_no_recipe_says_is_refused(
    install: Install, wrong: str, words: str
) -> None:
    catalogue = install(f'summary = "s"\n{wrong}\n')
    (entry,) = (part for part in catalogue.parts("recipe") if part.distribution == "paper")
    with pytest.raises(BrokenPartError, match=words):
        read_recipe(catalogue, entry)


def test_a_target_that_names_no_table_of_its_file_is_refused(install: Install) -> None:
    catalogue = install(PAPER)
    entry = catalogue.find("recipe", "paper/easy")
    for target, words in (
        ("paper_home:paper.toml#eazy", "has no task 'eazy'; did you mean 'easy'?"),
        ("paper_home:paper.toml", "has no recipe without a task: its target must end in #TASK"),
    ):
        spec = PartSpec(name="paper", summary="s", target=target)
        with pytest.raises(BrokenPartError) as error:
            read_recipe(catalogue, type(entry)(**{**_fields(entry), "spec": spec}))
        assert words in str(error.value)


def _fields(entry: object) -> dict[str, object]:
    names = ("kind", "spec", "distribution", "version")
    return {name: getattr(entry, name) for name in names}
