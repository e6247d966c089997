"""Scoring policies in their environments."""

from genpolicy.evaluation.environment import (
    environment_named,
    flatten,
    make_environment,
    make_environments,
)
from genpolicy.evaluation.evaluator import Act, Evaluator, evaluate
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
]
