"""Whether the arrays of a dataset are what transitions are."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genpolicy.errors import DataError

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset


def check(data: "Dataset") -> None:
    """Look at all arrays.

    Raises:
        DataError: They cannot be what they claim to be; the message names the array, the first row
            at fault and what would do.
    """
    _check_shapes(data)
    for name in ("observation", "action", "reward", "next_observation"):
        _check_finite(data.name, name, getattr(data, name))
    _check_box(data)


def _check_shapes(data: "Dataset") -> None:
    count = len(data.reward)
    if count == 0:
        raise DataError(f"dataset {data.name!r} has no transitions")
    for name, (ranks, words) in _RANKS.items():
        array = getattr(data, name)
        if array.ndim not in ranks or len(array) != count:
            raise DataError(
                f"dataset {data.name!r}: {name} must be {words} with {count} rows, one per reward; "
                f"its shape is {array.shape}"
            )
        expected = np.dtype(np.bool_ if name in ("terminal", "timeout") else np.float32)
        if array.dtype != expected:
            raise DataError(f"dataset {data.name!r}: {name} must be {expected}, is {array.dtype}")
    if data.observation.shape != data.next_observation.shape:
        raise DataError(
            f"dataset {data.name!r}: next_observation has shape {data.next_observation.shape}, "
            f"observation {data.observation.shape}; they must agree"
        )
    box = data.action.shape[1:]
    if any(bound.shape not in (box, box[-1:]) for bound in (data.action_low, data.action_high)):
        raise DataError(
            f"dataset {data.name!r}: actions have shape {box}, their bounds "
            f"{data.action_low.shape} and {data.action_high.shape}"
        )


def _check_finite(dataset: str, name: str, array: NDArray[Any]) -> None:
    if np.isfinite(array).all():
        return
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    raise DataError(
        f"dataset {dataset!r}: {name} is not finite in {int(bad.sum())} of {len(array)} rows, "
        f"first in row {int(bad.argmax())}; remove or repair these rows"
    )


def _check_box(data: "Dataset") -> None:
    slack = 1e-4 * (data.action_high - data.action_low)
    outside = (data.action < data.action_low - slack) | (data.action > data.action_high + slack)
    bad = outside.reshape(len(data), -1).any(axis=1)
    if bad.any():
        raise DataError(
            f"dataset {data.name!r}: {int(bad.sum())} of {len(data)} actions lie outside the box "
            f"from {data.action_low.tolist()} to {data.action_high.tolist()}, first in row "
            f"{int(bad.argmax())}; clip them or give the right bounds"
        )


_VECTOR, _MATRIX = (range(1, 2), "a vector"), (range(2, 3), "a matrix")
_RANKS = {
    "reward": _VECTOR,
    "observation": _MATRIX,
    "action": (range(2, 33), "a matrix, or an array of more dimensions,"),
    "next_observation": _MATRIX,
    "terminal": _VECTOR,
    "timeout": _VECTOR,
}
