"""The suite of named recipes catches what a recipe's file says wrongly."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genpolicy import PartSpec, hookimpl, recipe_specs
from genpolicy.discovery import Catalogue, load_catalogue
from genpolicy.errors import FitError, OptionError, UnknownPartError
from genpolicy.testing import RecipeSuite
from genpolicy.testing import recipe as suite
from genpolicy.testing.recipe import NamedSettings, check_recipe

FILES = {
    "silent": 'summary = "says nothing of its source"\nsettings.objective.name = "bc"',
    "vain": 'summary = "sets a critic that bc has not"\nsource = "us"\n'
    'settings.objective.name = "bc"\nsettings.critic.tau = 0.1',
    "misfit": 'summary = "gmpg without a velocity"\nsource = "us"\n'
    'settings.objective.name = "gmpg"\nsettings.backbone.name = "deterministic"',
    "lost": 'summary = "for a maze that is misspelt"\nsource = "us"\n'
    'settings.objective.name = "bc"\nsettings.dataset.name = "pointmaze/umazee"',
    "mischosen": 'summary = "sets no option of its data"\nsource = "us"\n'
    'settings.objective.name = "bc"\nsettings.dataset.name = "pointmaze/umaze"\n'
    "settings.dataset.chnk = 3",
    "partial": 'summary = "for two objectives"\nsource = "us"\n'
    "[when.bc]\nobjective.steps = 3\n[when.gmpo]\nstudent.network.hidden = [3]",
}


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalogue]:
    """Our parts, and recipes that are not right."""
    package = tmp_path / "faulty_recipes"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, text in FILES.items():
        (package / f"{name}.toml").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)

    class Plugin:
        @hookimpl
        def genpolicy_recipes(self) -> list[PartSpec]:
            return recipe_specs("faulty_recipes")

    plugin = Catalogue.from_plugins({"faulty": Plugin()}).plugins
    whole = Catalogue((*load_catalogue().plugins, *plugin))
    monkeypatch.setattr(suite, "load_catalogue", lambda: whole)
    yield whole
    sys.modules.pop("faulty_recipes", None)


@pytest.mark.usefixtures("catalogue")
def test_a_faulty_recipe_is_caught() -> None:
    checks = RecipeSuite()
    with pytest.raises(AssertionError, match="it has no source"):
        checks.test_it_says_what_it_is_and_where_from(NamedSettings(name="silent"))
    with pytest.raises(AssertionError, match=r"critic.tau has no effect: .* is set by nothing"):
        checks.test_every_setting_takes_effect(NamedSettings(name="vain"))
    with pytest.raises(FitError, match="knows its velocity"):
        checks.test_it_makes_agents_that_fit(NamedSettings(name="misfit"))
    with pytest.raises(AssertionError, match=r"with objective gmpo, student\.network\.hidden has"):
        checks.test_every_setting_takes_effect(NamedSettings(name="partial"))


@pytest.mark.usefixtures("catalogue")
def test_a_recipes_own_data_are_looked_at() -> None:
    checks = RecipeSuite()
    with pytest.raises(UnknownPartError, match=r"pointmaze/umazee.*did you mean"):
        checks.test_it_makes_agents_that_fit(NamedSettings(name="lost"))
    with pytest.raises(OptionError, match=r"chnk.*did you mean"):
        checks.test_it_makes_agents_that_fit(NamedSettings(name="mischosen"))


def test_a_recipe_is_checked_by_its_entry(catalogue: Catalogue) -> None:
    states = {
        name: [o.state for o in check_recipe(catalogue, catalogue.find("recipe", name))]
        for name in ("gtp/hopper-medium", "vain")
    }
    assert "failed" not in states["gtp/hopper-medium"]
    assert states["vain"].count("failed") == 1
