"""The parts without models that new distributions begin with pass the suites of their kinds."""

import pytest

from genpolicy.discovery import Catalogue
from genpolicy.scaffold.templates import plugin
from genpolicy.scaffold.templates.tests.test_dataset import TestExample as TestDataset
from genpolicy.scaffold.templates.tests.test_recipe import TestExample as _TestRecipe
from genpolicy.scaffold.templates.tests.test_tracker import TestExample as TestTracker
from genpolicy.testing import recipe
from genpolicy_plugins import plugin as ours

__all__ = ["TestDataset", "TestTracker"]


class TestRecipe(_TestRecipe):
    @pytest.fixture(autouse=True)
    def _installed(self, monkeypatch):
        installed = Catalogue.from_plugins({"genpolicy": ours, "genpolicy-example": plugin})
        monkeypatch.setattr(recipe, "load_catalogue", lambda: installed)
