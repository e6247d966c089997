"""What only those are shown who look for a fault: with ``AGENT_DEBUG=1``, on standard error."""

import os
import sys
import traceback


def tell(what: str, error: BaseException | None = None) -> None:
    """Show what the program gets over without a word.

    Args:
        what: What does not work, in a sentence.
        error: Why.
    """
    if os.environ.get("AGENT_DEBUG"):
        shown = "".join(traceback.format_exception(error)) if error is not None else ""
        sys.stderr.write(f"debug: {what}\n{shown}")
