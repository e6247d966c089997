"""Every named recipe of ours passes the suite."""

import pytest

from genpolicy.discovery import load_catalogue
from genpolicy.testing import RecipeSuite
from genpolicy.testing.recipe import NamedSettings

NAMES = [entry.spec.name for entry in load_catalogue().parts("recipe")]


class TestEveryRecipe(RecipeSuite):
    @pytest.fixture(params=NAMES)
    def part(self, request: pytest.FixtureRequest) -> NamedSettings:
        return NamedSettings(name=request.param)
