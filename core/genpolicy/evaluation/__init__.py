"""Scoring policies in their environments."""

from genpolicy.evaluation.environment import flatten, make_environment, make_environments
from genpolicy.evaluation.evaluator import Act, Evaluator, evaluate
from genpolicy.evaluation.protocol import Protocol

__all__ = [
    "Act",
    "Evaluator",
    "Protocol",
    "evaluate",
    "flatten",
    "make_environment",
    "make_environments",
]
