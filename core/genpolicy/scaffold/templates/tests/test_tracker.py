"""What every tracker must do, checked on ours."""

import pytest

from genpolicy.testing import TrackerSuite

from ..tracker import Example


class TestExample(TrackerSuite):
    """``agent plugins check`` makes the same checks."""

    @pytest.fixture
    def part(self) -> Example:
        """Return the part, with the options that it is checked with."""
        return Example()
