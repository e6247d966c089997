"""Noise that is not random: its rows in another order, or the same numbers at every draw."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

_GOLDEN = (5**0.5 - 1) / 2


@contextmanager
def rows_of_noise_in_order(order: Tensor) -> Iterator[None]:
    """Let every draw for the rows of a batch come in another order of its rows.

    Whatever draws with torch's random numbers is followed, dropout too, but for permutations.

    Args:
        order: A permutation of the rows, ``[batch]``; draws of several rows for each keep them
            together.
    """
    with _RowsInOrder(order):
        yield


class _RowsInOrder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Draws as if the rows were in their first order, then puts what was drawn in the other."""

    def __init__(self, order: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.order, self.first = order, order.argsort()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        draws = torch.Tag.nondeterministic_seeded in func.tags and "randperm" not in str(func)
        if not draws:
            return func(*args, **(kwargs or {}))
        first = tree_map_only(Tensor, lambda each: _in_order(each, self.first), args)
        drawn = func(*first, **(kwargs or {}))
        found = tree_map_only(Tensor, lambda each: _in_order(each, self.order), drawn)
        return args[0].copy_(found) if drawn is first[0] else found


def _in_order(rows: Tensor, order: Tensor) -> Tensor:
    if rows.ndim == 0 or len(rows) % len(order):
        return rows
    groups = rows.reshape(len(order), -1, *rows.shape[1:])
    return groups[order.to(rows.device)].reshape(rows.shape)


@contextmanager
def the_same_noise() -> Iterator[None]:
    """Let every draw of a shape give the same numbers, whatever was or was not drawn before.

    It holds for ``torch.rand``, ``randn`` and ``randint``, and for their ``_like``.
    """
    with mock.patch.multiple(torch, **_EVEN):
        yield


def _rand(*size: Any, generator: object = None, **kwargs: Any) -> Tensor:
    return _spread(torch.empty(*size, **kwargs))


def _rand_like(like: Tensor, generator: object = None, **kwargs: Any) -> Tensor:
    return _spread(torch.empty_like(like, **kwargs))


def _randn(*size: Any, **kwargs: Any) -> Tensor:
    return _normal(_rand(*size, **kwargs))


def _randn_like(like: Tensor, **kwargs: Any) -> Tensor:
    return _normal(_rand_like(like, **kwargs))


def _normal(share: Tensor) -> Tensor:
    noise: Tensor = torch.special.ndtri(share)
    return noise


def _randint(*args: Any, size: Any = None, dtype: Any = torch.int64, **kwargs: Any) -> Tensor:
    *bounds, size = args if size is None else (*args, size)
    return _between(bounds, lambda **rest: _rand(size, **rest), dtype, kwargs)


def _randint_like(like: Tensor, *bounds: Any, dtype: Any = None, **kwargs: Any) -> Tensor:
    return _between(
        list(bounds),
        lambda **rest: _rand(like.shape, **rest),
        dtype or like.dtype,
        {"device": like.device, **kwargs},
    )


def _between(
    bounds: list[Any], rand: Callable[..., Tensor], dtype: torch.dtype, kwargs: dict[str, Any]
) -> Tensor:
    """Return whole numbers from the first bound, or 0, to the one before the last."""
    bounds = [*bounds, *(kwargs.pop(name) for name in ("low", "high") if name in kwargs)]
    low, high = (0, *bounds)[-2:]
    numbers: Tensor = low + (high - low) * rand(**kwargs)
    return numbers.floor().to(dtype)


def _spread(like: Tensor) -> Tensor:
    """Return numbers between 0 and 1 that fill it evenly, of a tensor's shape."""
    place = torch.arange(1, like.numel() + 1, dtype=like.dtype, device=like.device)
    return (place * _GOLDEN).frac().reshape(like.shape)


_EVEN: dict[str, Any] = {
    "rand": _rand,
    "randn": _randn,
    "rand_like": _rand_like,
    "randn_like": _randn_like,
    "randint": _randint,
    "randint_like": _randint_like,
}
