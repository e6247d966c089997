"""What every recipe must do, checked on ours."""

import pytest

from genpolicy.testing.recipe import NamedSettings, RecipeSuite


class TestExample(RecipeSuite):
    """``agent plugins check`` makes the same checks."""

    @pytest.fixture
    def part(self) -> NamedSettings:
        """Return the recipe, which is a file, by its name."""
        return NamedSettings(name="genpolicy-example/example")
