"""What every backbone must do, checked on ours."""

import pytest

from genpolicy.testing import BackboneSuite

from ..backbone import Example


class TestExample(BackboneSuite):
    """``agent plugins check`` makes the same checks."""

    @pytest.fixture
    def part(self) -> Example:
        """Return the part, with the options that it is checked with."""
        return Example()
