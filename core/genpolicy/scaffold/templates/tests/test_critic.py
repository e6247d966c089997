"""What every critic must do, checked on ours."""

import pytest

from genpolicy.testing import CriticSuite

from ..critic import Example


class TestExample(CriticSuite):
    """``agent plugins check`` makes the same checks."""

    @pytest.fixture
    def part(self) -> Example:
        """Return the part, with the options that it is checked with."""
        return Example()
