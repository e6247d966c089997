"""What every network must do, checked on ours."""

import pytest

from genpolicy.testing import NetworkSuite

from ..network import Example


class TestExample(NetworkSuite):
    """``agent plugins check`` makes the same checks."""

    @pytest.fixture
    def part(self) -> Example:
        """Return the part, with the options that it is checked with."""
        return Example()
