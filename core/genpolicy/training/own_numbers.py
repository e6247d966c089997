"""Numbers that members of a batch hold beside their weights, such as an objective's beta.

A loss reads them as attributes of its parts and knows of one member alone. While the losses of all
are taken at once, the first member's parts hold each number as a tensor of one element per member,
as ``torch.func.functional_call`` puts weights in their places; afterwards they are what they were.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import torch
from torch import Tensor

from genpolicy.errors import UsageError
from genpolicy.training.held import alike, held, is_holder


@attrs.frozen(eq=False)
class _Number:
    """A number that is not the same for all members, and what holds it, of each."""

    name: str
    holders: tuple[object, ...]

    def values(self) -> tuple[float, ...]:
        return tuple(getattr(holder, self.name) for holder in self.holders)

    def put(self, value: object) -> None:
        object.__setattr__(self.holders[0], self.name, value)  # recipes are frozen


class OwnNumbers:
    """The numbers in which the parts of the members' losses differ.

    Args:
        losses: The same loss of every member, bound to its parts.
        device: Where the losses are taken.

    Raises:
        UsageError: They differ in what is no number that can enter a loss as a tensor.
    """

    def __init__(self, losses: Sequence[Callable[..., object]], device: torch.device) -> None:
        self._device = device
        self._numbers = list(_differing([_parts_of(loss) for loss in losses]))
        self._values: list[tuple[float, ...]] = []
        self._tensors: list[Tensor] = []

    @property
    def names(self) -> list[str]:
        """The names of the attributes that hold them."""
        return [number.name for number in self._numbers]

    def tensors(self) -> list[Tensor]:
        """Return each number of all members as they are now, ``[member]``."""
        values = [number.values() for number in self._numbers]
        if values != self._values:
            kind = torch.get_default_dtype()
            self._tensors = [torch.tensor(v, dtype=kind, device=self._device) for v in values]
            self._values = values
        return self._tensors

    @contextmanager
    def given(self, tensors: Sequence[Tensor]) -> Iterator[None]:
        """While inside, let the first member's parts hold these in place of its own numbers."""
        own = [number.values()[0] for number in self._numbers]
        try:
            for number, tensor in zip(self._numbers, tensors, strict=True):
                number.put(tensor)
            yield
        finally:
            for number, value in zip(self._numbers, own, strict=True):
                number.put(value)


def _parts_of(loss: Any) -> list[object]:
    """Return whose loss it is, and what it was bound to."""
    return [loss.func.__self__, *loss.keywords.values()]


def _differing(members: Sequence[Sequence[object]]) -> list[_Number]:
    seen: dict[tuple[int, ...], tuple[object, ...]] = {}
    found = [
        number
        for parts in zip(*members, strict=True)
        for number in _within(type(parts[0]).__name__, parts, seen)
    ]
    met = Counter(ids[0] for ids in seen)
    for number in found:
        if met[id(number.holders[0])] > 1:
            raise _unlike(number.holders[0])  # what is one object for the first is several for them
    return found


def _within(
    name: str, parts: tuple[object, ...], seen: dict[tuple[int, ...], tuple[object, ...]]
) -> Iterator[_Number]:
    """Go through the same object of every member, and all that it holds.

    What all have in common is gone through as well: a number may not be put into it.
    """
    ids, first = tuple(map(id, parts)), parts[0]
    if ids in seen:
        return
    fields = [held(part) for part in parts]
    if any(type(part) is not type(first) for part in parts):
        raise UsageError(f"{name!r} is of several kinds")
    if fields[0] is None:
        _refuse_unlike(name, parts)
        return
    seen[ids] = parts
    if any(each is None or each.keys() != fields[0].keys() for each in fields):
        raise _unlike(first)
    for key in fields[0]:
        values = tuple(each[key] for each in fields if each is not None)
        if _is_number(values) and is_holder(first):
            if any(value != values[0] for value in values if value is not values[0]):
                yield _Number(str(key), parts)
        else:
            yield from _within(str(key), values, seen)


def _unlike(part: object) -> UsageError:
    return UsageError(f"not every {type(part).__name__} is made up alike")


def _is_number(values: tuple[object, ...]) -> bool:
    """Whether they are numbers, and no whole ones, which may be the size of something."""
    return all(type(value) in (int, float) for value in values) and float in map(type, values)


def _refuse_unlike(name: str, values: tuple[object, ...]) -> None:
    first = values[0]
    if all(value is first or alike(value, first) for value in values):
        return
    if isinstance(first, Tensor):
        raise UsageError(f"{name!r} is a tensor of each one's own, and no buffer")
    if isinstance(first, (int, float, str)):
        raise UsageError(f"{name!r} is more than a number that enters a loss")
    raise UsageError(f"{name!r} is a {type(first).__name__} of each one's own, and not the same")
