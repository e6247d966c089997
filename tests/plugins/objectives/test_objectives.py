"""Every objective of ours, and every variant that computes something else, passes the suite."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from genpolicy.discovery import load_catalogue
from genpolicy.objective import Objective
from genpolicy.testing import ObjectiveSuite
from genpolicy.testing.companions import companion

VARIANTS = {
    "bc-weighted": ("bc", {"beta": 1.0}),
    "gmpg-path": ("gmpg", {"kl": "path", "chain_steps": 3}),
    "gmpg-probe": ("gmpg", {"exact_divergence": False}),
    "fql-scale-free": ("fql", {"normalise_q": True, "alpha": 1.0}),
}
PARTS = {entry.spec.name: (entry.spec.name, {}) for entry in load_catalogue().parts("objective")}
PARTS |= VARIANTS


class TestEveryObjective(ObjectiveSuite):
    @pytest.fixture(params=PARTS)
    def part(self, request: pytest.FixtureRequest) -> Objective:
        name, options = PARTS[request.param]
        return companion("objective", name, **options)


class TestATrajectoryPolicyWithAnotherValue(ObjectiveSuite):
    settings: ClassVar[Mapping[str, Any]] = {"critic": "iql"}

    @pytest.fixture
    def part(self) -> Objective:
        return companion("objective", "gtp", value="critic")
