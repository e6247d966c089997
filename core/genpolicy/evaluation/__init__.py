"""Scoring policies in their environments."""

from genpolicy.evaluation.environment import flatten, make_environment, make_environments
from genpolicy.evaluation.evaluator import Evaluator, evaluate
from genpolicy.evaluation.naming import environment_named
from genpolicy.evaluation.observing import observation_keys
from genpolicy.evaluation.play import Act
from genpolicy.evaluation.protocol import Protocol

__all__ = [
    "Act",
    "Evaluator",
    "Protocol",
    "environment_named",
    "evaluate",
    "flatten",
    "make_environment",
    "make_environments",
    "observation_keys",
]
