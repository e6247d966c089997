"""The run registry: a database of runs, written as they go and asked about later.

Importing it imports SQLAlchemy, so light commands import it only when they need it.
"""

from genpolicy.registry.query import SORTS, RunQuery
from genpolicy.registry.registry import Registry
from genpolicy.registry.sql import SqlResult
from genpolicy.registry.summaries import RunDetail, RunSummary, TimedText
from genpolicy.registry.writer import RunWriter

__all__ = [
    "SORTS",
    "Registry",
    "RunDetail",
    "RunQuery",
    "RunSummary",
    "RunWriter",
    "SqlResult",
    "TimedText",
]
