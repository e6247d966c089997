"""What every objective must do, checked on ours."""

import pytest

from genpolicy.testing import ObjectiveSuite

from ..objective import Example


class TestExample(ObjectiveSuite):
    """``agent plugins check`` makes the same checks."""

    @pytest.fixture
    def part(self) -> Example:
        """Return the part, with the options that it is checked with."""
        return Example()
