"""Why somebody's own SQL is not answered, said so that a person knows what to do."""

from genpolicy.errors import UsageError
from genpolicy.registry.views import VIEWS


def refusal(reason: str) -> UsageError:
    """Return the error to raise for SQL that cannot be answered.

    Args:
        reason: Why, in the driver's words or ours.
    """
    return UsageError(
        f"the SQL cannot be answered: {reason}; what can is one SELECT from {', '.join(VIEWS)}"
    )


def too_slow(seconds: float) -> UsageError:
    """Return the error to raise for SQL that took longer than it may."""
    return UsageError(
        f"the SQL took longer than {seconds:g} seconds; select less, or allow more time"
    )
