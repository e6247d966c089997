"""Whether the arrays of a dataset are what transitions are."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genpolicy.columns import Columns, Flags, Floats, blocks, seal_of
from genpolicy.errors import DataError

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset

Pieces = Callable[[], Iterable[Floats]]
"""Goes through the rows of a column in pieces, as often as it is called."""


def check(data: "Dataset") -> None:
    """Look at all arrays; at the numbers of stored columns not again.

    Raises:
        DataError: They cannot be what they claim to be; the message names the array, the first row
            at fault and what would do.
    """
    columns = data.columns
    check_shapes(data.name, columns)
    _check_box_shapes(data)
    _check_numbers(data.name, columns)
    _check_box(data)


def check_unbroken(data: "Dataset") -> None:
    """Look whether steps lead to the next row within each episode, as what joins steps assumes.

    Raises:
        DataError: One does not.
    """
    goes_on = ~data.ends[:-1]
    for rows in blocks(data.observation, data.next_observation):
        following = data.observation[rows.start + 1 : rows.stop + 1]
        told = data.next_observation[rows][: len(following)]
        near = np.isclose(told, following, rtol=1e-4, atol=1e-5).all(axis=1)
        broken = goes_on[rows][: len(following)] & ~near
        if broken.any():
            raise DataError(
                f"dataset {data.name!r}: row {rows.start + int(broken.argmax())} leads elsewhere "
                "than to the next row, though its episode goes on, so steps cannot be joined to "
                "chunks or n-step returns; give it a timeout, or leave dataset.chunk and "
                "dataset.n_step at 1"
            )


def check_columns(dataset: str, columns: Columns) -> None:
    """Look at the columns of a dataset.

    Args:
        dataset: Its name.
        columns: All its rows.

    Raises:
        DataError: They cannot be what they claim to be.
    """
    check_shapes(dataset, columns)
    _check_numbers(dataset, columns)


def _check_numbers(dataset: str, columns: Columns) -> None:
    for name in ("observation", "action", "reward", "next_observation"):
        _check_finite(dataset, name, getattr(columns, name))


def check_shapes(dataset: str, columns: Columns) -> None:
    """Look at the shapes and types of the columns of a dataset; the arguments are likewise.

    Raises:
        DataError: They do not go together.
    """
    count = len(columns)
    if count == 0:
        raise DataError(f"dataset {dataset!r} has no transitions")
    for name, (ranks, words) in _RANKS.items():
        array = getattr(columns, name)
        if array.ndim not in ranks or len(array) != count:
            raise DataError(
                f"dataset {dataset!r}: {name} must be {words} with {count} rows, one per reward; "
                f"its shape is {array.shape}"
            )
        expected = np.dtype(np.bool_ if name in ("terminal", "timeout") else np.float32)
        if array.dtype != expected:
            raise DataError(f"dataset {dataset!r}: {name} must be {expected}, is {array.dtype}")
    if columns.observation.shape != columns.next_observation.shape:
        raise DataError(
            f"dataset {dataset!r}: next_observation has shape {columns.next_observation.shape}, "
            f"observation {columns.observation.shape}; they must agree"
        )


def _check_box_shapes(data: "Dataset") -> None:
    box = data.action.shape[1:]
    if any(bound.shape not in (box, box[-1:]) for bound in (data.action_low, data.action_high)):
        raise DataError(
            f"dataset {data.name!r}: actions have shape {box}, their bounds "
            f"{data.action_low.shape} and {data.action_high.shape}"
        )


def _check_finite(dataset: str, name: str, array: NDArray[Any]) -> None:
    if seal_of(array) is None:
        check_finite(dataset, name, lambda: (array[rows] for rows in blocks(array)))


def check_finite(dataset: str, name: str, pieces: Pieces) -> None:
    """Look at the numbers of one column.

    Args:
        dataset: What errors call the dataset.
        name: The column.
        pieces: Goes through its rows.

    Raises:
        DataError: Some are not finite.
    """
    if all(np.isfinite(piece).all() for piece in pieces()):
        return
    bad = np.concatenate([_bad_rows(~np.isfinite(piece)) for piece in pieces()])
    raise DataError(
        f"dataset {dataset!r}: {name} is not finite in {int(bad.sum())} of {len(bad)} rows, "
        f"first in row {int(bad.argmax())}; remove or repair these rows"
    )


def _check_box(data: "Dataset") -> None:
    box = data.action_low, data.action_high
    seal = seal_of(data.action)
    if seal is None or _outside(seal.low, box).any() or _outside(seal.high, box).any():
        check_box(data.name, box, lambda: (data.action[rows] for rows in blocks(data.action)))


def check_box(dataset: str, box: tuple[Floats, Floats], pieces: Pieces) -> None:
    """Look whether actions lie in their box.

    Args:
        dataset: What errors call the dataset.
        box: The smallest and the largest action.
        pieces: Goes through the actions.

    Raises:
        DataError: Some lie outside.
    """
    if not any(_outside(piece, box).any() for piece in pieces()):
        return
    bad = np.concatenate([_bad_rows(_outside(piece, box)) for piece in pieces()])
    raise DataError(
        f"dataset {dataset!r}: {int(bad.sum())} of {len(bad)} actions lie outside the box "
        f"from {box[0].tolist()} to {box[1].tolist()}, first in row {int(bad.argmax())}; clip "
        "them or give the right bounds"
    )


def _outside(action: Floats, box: tuple[Floats, Floats]) -> NDArray[Any]:
    slack = 1e-4 * (box[1] - box[0])
    low, high = np.asarray(box[0] - slack), np.asarray(box[1] + slack)
    return np.asarray((action < low) | (action > high))


def _bad_rows(bad: NDArray[Any]) -> Flags:
    return np.asarray(bad.reshape(len(bad), -1).any(axis=1))


_VECTOR, _MATRIX = (range(1, 2), "a vector"), (range(2, 3), "a matrix")
_RANKS = {
    "reward": _VECTOR,
    "observation": _MATRIX,
    "action": (range(2, 33), "a matrix, or an array of more dimensions,"),
    "next_observation": _MATRIX,
    "terminal": _VECTOR,
    "timeout": _VECTOR,
}
