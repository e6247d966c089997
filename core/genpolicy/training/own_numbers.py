"""Numbers that members of a batch hold beside their weights, such as an objective's beta.

A loss reads them as attributes of its parts and knows of one member alone. While the losses of all
are taken at once, the first member's parts hold each number as a tensor of one element per member,
as ``torch.func.functional_call`` puts weights in their places; afterwards they are what they were.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any, Final

import attrs
import torch
from torch import Tensor, nn

from genpolicy.errors import UsageError

_REGISTERED: Final = frozenset({"_parameters", "_buffers"})
_PLAIN: Final = (bool, int, str, type(None))
_OPAQUE: Final = (FunctionType, ModuleType, type, torch.Generator)


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


def _differing(members: Sequence[Sequence[object]]) -> Iterator[_Number]:
    seen: set[int] = set()
    for parts in zip(*members, strict=True):
        yield from _within(parts, seen)


def _within(parts: tuple[object, ...], seen: set[int]) -> Iterator[_Number]:
    """Go through the same object of every member, and all that it holds."""
    first = parts[0]
    if id(first) in seen or all(part is first for part in parts):
        return
    seen.add(id(first))
    fields = [_fields(part) for part in parts]
    if any(each.keys() != fields[0].keys() for each in fields):
        raise UsageError(f"not every {type(first).__name__} is made up alike")
    for name in fields[0]:
        values = tuple(each[name] for each in fields)
        if _is_number(values) and not isinstance(first, (dict, list, tuple)):
            if any(value != values[0] for value in values):
                yield _Number(name, parts)
        else:
            _refuse_unlike(name, values)
            yield from _within(values, seen)


def _is_number(values: tuple[object, ...]) -> bool:
    """Whether they are numbers, and no whole ones, which may be the size of something."""
    return all(type(value) in (int, float) for value in values) and float in map(type, values)


def _refuse_unlike(name: str, values: tuple[object, ...]) -> None:
    first = values[0]
    if any(type(value) is not type(first) for value in values):
        raise UsageError(f"{name!r} is of several kinds")
    if isinstance(first, (*_PLAIN, float)) and any(value != first for value in values):
        raise UsageError(f"{name!r} is more than a number that enters a loss")
    if isinstance(first, Tensor) and not all(_same(first, value) for value in values):
        raise UsageError(f"{name!r} is a tensor of each one's own, and no buffer")


def _same(one: Tensor, other: Any) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


def _fields(value: object) -> dict[str, Any]:
    """Return what an object holds, by name; nothing of what cannot be looked into."""
    if isinstance(value, nn.Module):
        return {key: each for key, each in vars(value).items() if key not in _REGISTERED}
    if isinstance(value, dict):
        return {str(key): each for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return {str(number): each for number, each in enumerate(value)}
    kind: type[Any] = type(value)
    if attrs.has(kind):
        return {field.name: getattr(value, field.name) for field in attrs.fields(kind)}
    if isinstance(value, (_OPAQUE, Tensor)):
        return {}
    return dict(getattr(value, "__dict__", {}))
