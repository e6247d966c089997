"""What a check of data comes to."""

from typing import TYPE_CHECKING, Final, Literal

import attrs
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Verdict = Literal["ok", "odd", "wrong", "unchecked"]

PHYSICS: Final = "physics"
"""The check that compares steps with the simulator's."""


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that a check found, or that it found nothing, or that it could not look.

    Args:
        check: What was looked at, such as ``"alignment"``.
        verdict: ``wrong`` spoils what learns from the data, ``odd`` may be meant.
        what: What is the case, in words.
        row: The first row of it, if it stands somewhere.
        rows: How many rows there are of it, or columns, or episodes, as the words say.
        advice: What to do.
    """

    check: str
    verdict: Verdict
    what: str
    row: int | None = None
    rows: int | None = None
    advice: str = ""

    @property
    def sentence(self) -> str:
        """What is the case, and what to do."""
        return f"{self.what}; {self.advice}" if self.advice else self.what


def first_of(rows: "NDArray[np.bool_]") -> tuple[int, int]:
    """Return how many rows are marked, and the first of them."""
    return int(rows.sum()), int(rows.argmax())
