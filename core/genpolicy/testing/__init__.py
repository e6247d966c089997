"""Conformance suites: what every part of a kind must do, for its author's tests and for users.

One class per kind, to subclass with one fixture::

    import pytest
    from genpolicy.testing import BackboneSuite

    class TestDrift(BackboneSuite):
        @pytest.fixture
        def part(self):
            return Drift(members=8)

``agent plugins check`` runs the same checks on an installed distribution, without pytest. A check
is a method; its name says what holds, the first paragraph of its docstring why that matters.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genpolicy.testing.backbone import BackboneSuite
    from genpolicy.testing.critic import CriticSuite
    from genpolicy.testing.dataset import DatasetSuite
    from genpolicy.testing.inference import InferenceSuite
    from genpolicy.testing.network import NetworkSuite
    from genpolicy.testing.objective import ObjectiveSuite
    from genpolicy.testing.recipe import RecipeSuite
    from genpolicy.testing.solver import SolverSuite
    from genpolicy.testing.suite import Suite, needs
    from genpolicy.testing.tracker import TrackerSuite

__all__ = [
    "BackboneSuite",
    "CriticSuite",
    "DatasetSuite",
    "InferenceSuite",
    "NetworkSuite",
    "ObjectiveSuite",
    "RecipeSuite",
    "SolverSuite",
    "Suite",
    "TrackerSuite",
    "needs",
]

_HOME = {
    "BackboneSuite": "backbone",
    "CriticSuite": "critic",
    "DatasetSuite": "dataset",
    "InferenceSuite": "inference",
    "NetworkSuite": "network",
    "ObjectiveSuite": "objective",
    "RecipeSuite": "recipe",
    "SolverSuite": "solver",
    "TrackerSuite": "tracker",
    "Suite": "suite",
    "needs": "suite",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'genpolicy.testing' has no attribute {name!r}", name=name)
    return getattr(importlib.import_module(f"genpolicy.testing.{_HOME[name]}"), name)
