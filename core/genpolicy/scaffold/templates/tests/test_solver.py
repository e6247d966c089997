"""What every solver must do, checked on ours."""

import pytest

from genpolicy.testing import SolverSuite

from ..solver import Example


class TestExample(SolverSuite):
    """``agent plugins check`` makes the same checks."""

    @pytest.fixture
    def part(self) -> Example:
        """Return the part, with the options that it is checked with."""
        return Example()
