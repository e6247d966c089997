"""What an object holds, as far as it can be looked into.

Where it cannot, two objects count as alike only if they are equal.
"""

from collections import OrderedDict
from collections.abc import Hashable
from functools import partial
from types import FunctionType, MethodType
from typing import Any, Final, Generic

import numpy as np
import torch
from torch import Tensor, nn

Held = dict[Hashable, Any]

_REGISTERED: Final = frozenset({"_parameters", "_buffers"})
_OWN: Final = frozenset({"__dict__", "__weakref__"})
_FROM_PYTHON: Final = 1 << 9  # of a class's flags: it is no static one of C's
_EMPTY: Final = object()


def held(value: object) -> Held | None:
    """Return what an object holds, by name; ``None`` if it cannot be looked into wholly."""
    if isinstance(value, (Tensor, type)):
        return None
    if isinstance(value, FunctionType):
        return _of_function(value)
    if isinstance(value, MethodType):
        return {"__self__": value.__self__, "__func__": value.__func__}
    base = next((kind for kind in _CONTENTS if isinstance(value, kind)), object)
    if not _is_python(type(value), base):
        return None
    if base is object:
        return _attributes(value)
    inside = _attributes(value)
    return {**_CONTENTS[base](value), **({"__dict__": inside} if inside else {})}


def is_holder(value: object) -> bool:
    """Whether what an object holds are its attributes."""
    return not isinstance(value, (FunctionType, MethodType, *_CONTENTS))


def alike(one: Any, other: Any) -> bool:
    """Whether two objects of one kind that are not looked into are equal."""
    try:
        if isinstance(one, Tensor):
            return one.dtype == other.dtype and torch.equal(one, other)
        if isinstance(one, np.ndarray):
            return one.dtype == other.dtype and np.array_equal(one, other)
        return bool(one == other)
    except Exception:
        return False


def _attributes(value: object) -> Held:
    """Return an object's attributes, those of slots and those of its dictionary."""
    found: Held = {}
    for kind in type(value).__mro__:
        names = vars(kind).get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            hidden = name.startswith("__") and not name.endswith("__")
            full = f"_{kind.__name__.lstrip('_')}{name}" if hidden else name
            if name not in _OWN and (inside := getattr(value, full, _EMPTY)) is not _EMPTY:
                found[full] = inside
    found |= getattr(value, "__dict__", {})
    if isinstance(value, nn.Module):
        return {name: each for name, each in found.items() if name not in _REGISTERED}
    return found


def _of_function(value: FunctionType) -> Held:
    cells = [_content(cell) for cell in value.__closure__ or ()]
    return {
        **dict(zip(value.__code__.co_freevars, cells, strict=True)),
        "__code__": value.__code__,
        "__globals__": id(value.__globals__),
        "__defaults__": value.__defaults__,
        "__kwdefaults__": value.__kwdefaults__,
        "__dict__": vars(value),
    }


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return _EMPTY


def _numbered(value: Any) -> Held:
    return dict(enumerate(value))


def _of_partial(value: Any) -> Held:
    return {"func": value.func, "args": value.args, "keywords": value.keywords}


_CONTENTS: Final[dict[type, Any]] = {
    OrderedDict: dict,
    dict: dict,
    list: _numbered,
    tuple: _numbered,
    partial: _of_partial,
}


def _is_python(kind: type, base: type) -> bool:
    """Whether all that a class adds to one that can be looked into is written in Python."""
    return all(
        bool(each.__flags__ & _FROM_PYTHON)
        and isinstance(vars(each).get("__new__", staticmethod(held)), staticmethod)
        for each in kind.__mro__
        if each not in (*base.__mro__, Generic)
    )
