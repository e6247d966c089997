"""What every inference must do, checked on ours."""

import pytest

from genpolicy.testing import InferenceSuite

from ..inference import Example


class TestExample(InferenceSuite):
    """``agent plugins check`` makes the same checks."""

    @pytest.fixture
    def part(self) -> Example:
        """Return the part, with the options that it is checked with."""
        return Example()
