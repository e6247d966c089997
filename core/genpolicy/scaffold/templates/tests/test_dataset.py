"""What every dataset must do, checked on ours."""

import pytest

from genpolicy.testing import DatasetSuite

from ..dataset import Example


class TestExample(DatasetSuite):
    """``agent plugins check`` makes the same checks."""

    @pytest.fixture
    def part(self) -> Example:
        """Return the part, with the options that it is checked with."""
        return Example()
