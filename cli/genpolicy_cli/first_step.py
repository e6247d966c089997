"""A process that does what ``agent run`` does up to its first training step, and ends there.

python -m genpolicy_cli.first_step ARGUMENTS-OF-AGENT
"""

import os
import sys
from typing import Any


def main() -> None:
    """Call the command line, to end with its first step."""
    from genpolicy.training.learner import Learner
    from genpolicy_cli.main import main as agent

    step = Learner.take_step

    def first(learner: Any, batch: Any, updates: Any) -> None:
        step(learner, batch, updates)
        os._exit(0)

    Learner.take_step = first  # type: ignore[assignment, method-assign]
    sys.exit(agent() or 1)  # a run that ends without a step has failed


if __name__ == "__main__":
    main()
