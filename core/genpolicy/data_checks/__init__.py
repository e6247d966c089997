"""What may be wrong with data, found before anything learns from them; and what is in them."""

from genpolicy.data_checks.coverage import Coverage, Plane
from genpolicy.data_checks.findings import Finding, Verdict
from genpolicy.data_checks.inspection import inspect_data, refused
from genpolicy.data_checks.summary import ColumnSummary, Spread, Summary, summarise

__all__ = [
    "ColumnSummary",
    "Coverage",
    "Finding",
    "Plane",
    "Spread",
    "Summary",
    "Verdict",
    "inspect_data",
    "refused",
    "summarise",
]
