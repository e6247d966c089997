"""Every error the program raises on purpose.

::

    GenpolicyError              1   anything below
    ├── UsageError              2   the request cannot be meant
    │   ├── OptionError             an option is unknown or its value unfit
    │   ├── FitError                the named parts do not go together
    │   └── DataError               the data or environment cannot be used
    ├── PartError               3   a part cannot be had
    │   ├── UnknownPartError        nobody provides that name
    │   ├── AmbiguousPartError      several distributions provide it
    │   └── BrokenPartError         somebody does, and it fails to load or build
    ├── RegistryError           4   the run registry cannot be used
    │   └── UnknownRunError         it holds no such run
    └── RunError                1   a run could not go on
        ├── DivergedError           a loss stopped being finite
        ├── CheckpointError         a saved state cannot be read or written
        └── StoppedError      130   somebody asked it to stop

The number is the exit status of the command line.
"""

from collections.abc import Sequence
from difflib import get_close_matches


class GenpolicyError(Exception):
    """Base of all errors raised on purpose; its message is meant for people."""

    exit_code = 1


class UsageError(GenpolicyError):
    """The request cannot be meant as it stands."""

    exit_code = 2


class OptionError(UsageError):
    """An option is unknown, or its value does not fit."""


class FitError(UsageError):
    """The named parts do not go together.

    Args:
        problems: One sentence per problem, all of them.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class DataError(UsageError):
    """A dataset or its environment cannot be used."""


class PartError(GenpolicyError):
    """A part cannot be had."""

    exit_code = 3


class UnknownPartError(PartError):
    """No installed distribution provides a part of that name."""


class AmbiguousPartError(PartError):
    """Several distributions provide a part of that name."""


class BrokenPartError(PartError):
    """A part is installed but fails to load or to build."""


class RegistryError(GenpolicyError):
    """The run registry cannot be opened, read or written."""

    exit_code = 4


class UnknownRunError(RegistryError):
    """The registry holds no such run, or several that begin so."""


class RunError(GenpolicyError):
    """A run could not go on."""


class DivergedError(RunError):
    """A loss stopped being finite."""


class CheckpointError(RunError):
    """A checkpoint or a saved agent cannot be read."""


class StoppedError(RunError):
    """Somebody asked the run to stop; it can be resumed."""

    exit_code = 130


class GenpolicyWarning(UserWarning):
    """Something is odd, and the program goes on."""


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or what exists."""
    nearest = get_close_matches(name, known, n=1, cutoff=0.5)
    if nearest:
        return f"; did you mean {nearest[0]!r}?"
    return f"; there are: {', '.join(sorted(known))}" if known else "; there are none"
