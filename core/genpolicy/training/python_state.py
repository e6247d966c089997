"""Plain Python values that parts hold beside their tensors, and whether training changes them.

A captured graph and a compiled loss hold such a value as a constant, and members of a batch may
come to differ in one.
"""

import copy
import functools
from collections.abc import Iterable, Sequence
from types import MethodType
from typing import Any, Final

import attrs
from torch import nn

from genpolicy.backbone import Model
from genpolicy.composition.assemble import WithConstants

PROGRESS: Final = (0.01, 0.25, 0.5, 0.75, 1.0)
"""Moments of training at which a model's ``after_step`` is tried."""
_PLAIN: Final = (bool, int, float, complex, str)


def plain_values(part: object) -> list[Any]:
    """Return what plain values a part holds, its modules included, and lists and dicts of them."""
    holders = part.modules() if isinstance(part, nn.Module) else [part]
    return [{name: _plain(value) for name, value in _fields(each).items()} for each in holders]


def bound_parts(loss: Any) -> list[object]:
    """Return whose loss it is, and what it is bound to."""
    if isinstance(loss, functools.partial):
        return [*bound_parts(loss.func), *loss.args, *loss.keywords.values()]
    if not isinstance(loss, MethodType):
        return []
    owner = loss.__self__
    if isinstance(owner, WithConstants):
        return [part for method in owner.methods() for part in bound_parts(method)]
    return [owner]


def changes(model: Model, progress: Iterable[Any]) -> bool:
    """Return whether a model's ``after_step`` changes plain values, trying it on a copy.

    Args:
        model: Left as it is.
        progress: What ``after_step`` is told, one after another.
    """
    if type(model).after_step is Model.after_step:
        return False
    tried = copy.deepcopy(model)
    before = plain_values(tried)
    for moment in progress:
        tried.after_step(moment)
        if plain_values(tried) != before:
            return True
    return False


def moments(settled: bool) -> Sequence[float]:
    """Return at which moments to try a model that is told, or not, that training is over."""
    return (1.0,) if settled else PROGRESS


def _plain(value: object, depth: int = 1) -> object:
    """Return a plain value, and a list, tuple or dict of some; of the rest but that it is there."""
    if isinstance(value, _PLAIN):
        return value
    if depth and isinstance(value, dict):
        return {key: _plain(each, depth - 1) for key, each in value.items()}
    if depth and isinstance(value, (list, tuple)):
        return [_plain(each, depth - 1) for each in value]
    return ...


def _fields(part: object) -> dict[str, Any]:
    kind: type[Any] = type(part)
    if attrs.has(kind):
        return {field.name: getattr(part, field.name) for field in attrs.fields(kind)}
    return dict(getattr(part, "__dict__", {}))
