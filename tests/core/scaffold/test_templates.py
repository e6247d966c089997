"""The parts that new distributions begin with pass the suites of their kinds, as they stand."""

import pytest

from genpolicy.scaffold.templates.tests.test_backbone import TestExample as TestBackbone
from genpolicy.scaffold.templates.tests.test_critic import TestExample as TestCritic
from genpolicy.scaffold.templates.tests.test_inference import TestExample as TestInference
from genpolicy.scaffold.templates.tests.test_network import TestExample as TestNetwork
from genpolicy.scaffold.templates.tests.test_objective import TestExample as TestObjective
from genpolicy.scaffold.templates.tests.test_solver import TestExample as TestSolver

__all__ = [
    "TestBackbone",
    "TestCritic",
    "TestInference",
    "TestNetwork",
    "TestObjective",
    "TestSolver",
]

pytestmark = pytest.mark.slow
