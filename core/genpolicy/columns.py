"""The six arrays that transitions are, and how to go through them without a copy of the whole."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

NAMES: Final = ("observation", "action", "reward", "next_observation", "terminal", "timeout")
"""The columns, in the order in which they are hashed."""

BLOCK_BYTES: Final = 1 << 20
"""About how much of an array is in memory at a time while all of it is looked at."""


@attrs.frozen(eq=False, kw_only=True)
class Columns:
    """Transitions as arrays, some of them or all.

    Args:
        observation: ``[transition, observation]``, 32-bit floats.
        action: ``[transition, *sample]``, 32-bit floats.
        reward: ``[transition]``.
        next_observation: ``[transition, observation]``.
        terminal: ``[transition]``, true where the task ended.
        timeout: ``[transition]``, true where an episode was cut without an end.
    """

    observation: Floats
    action: Floats
    reward: Floats
    next_observation: Floats
    terminal: Flags
    timeout: Flags

    def __len__(self) -> int:
        return len(self.reward)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        return {name: getattr(self, name) for name in NAMES}


@attrs.frozen(eq=False, kw_only=True)
class Seal:
    """What is known of a stored column, because it was looked at when it was written.

    Args:
        name: Which column it is.
        fingerprint: That of the transitions which it belongs to.
        low: The smallest value of each of a row's numbers.
        high: The largest.
    """

    name: str
    fingerprint: str
    low: NDArray[Any]
    high: NDArray[Any]


class Stored(np.ndarray):
    """A stored column: read-only, memory-mapped, all its numbers finite.

    Only the column as a whole bears the seal, no part or copy of it.
    """

    seal: Seal | None = None

    def __getitem__(self, rows: Any) -> Any:
        return np.asarray(self)[rows]


def sealed(array: NDArray[Any], seal: Seal) -> Stored:
    """Return a stored column as what it is."""
    column = array.view(Stored)
    column.seal = seal
    return column


def seal_of(array: NDArray[Any]) -> Seal | None:
    """Return what is known of an array; ``None`` unless it is a stored column."""
    return array.seal if isinstance(array, Stored) else None


def blocks(*arrays: NDArray[Any]) -> Iterator[slice]:
    """Yield the rows of arrays in pieces that are small in memory, in their order."""
    count = len(arrays[0])
    return blocks_of(count, sum(array.nbytes for array in arrays) // max(1, count))


def blocks_of(count: int, row_bytes: int) -> Iterator[slice]:
    """Yield ``count`` rows of so many bytes in pieces that are small in memory, in their order."""
    step = max(1, BLOCK_BYTES // max(1, row_bytes))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def fingerprint_of(columns: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of the content of all columns, in hexadecimal."""
    known = _known_fingerprint(columns)
    if known is not None:
        return known
    digest = hashlib.sha256()
    for name in NAMES:
        array = np.asarray(columns[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        for rows in blocks(array):
            digest.update(np.ascontiguousarray(array[rows]).data)
    return digest.hexdigest()


def _known_fingerprint(columns: Mapping[str, NDArray[Any]]) -> str | None:
    """Return the fingerprint under which all of the columns were stored together, if they were."""
    seals = {name: seal_of(columns[name]) for name in NAMES}
    known = {
        seal.fingerprint if seal and seal.name == name else None for name, seal in seals.items()
    }
    return known.pop() if len(known) == 1 else None
