"""Values as people type them, or as JSON and TOML hold them, read by an annotated type."""

import types
from typing import Any, Literal, Union, get_args, get_origin

from genpolicy.errors import OptionError, did_you_mean


def convert(value: Any, annotation: Any, *, who: str) -> Any:
    """Turn a typed string or a JSON value into a value of the annotated type.

    Args:
        value: A string such as ``"256,256"``, or a value read from JSON or TOML.
        annotation: ``int``, ``float``, ``bool``, ``str``, ``Literal[…]``, ``tuple[X, ...]``,
            a fixed tuple, or a union of these with ``None``.
        who: The subject of the error sentence.

    Raises:
        OptionError: The value cannot be read so.
    """
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _convert_union(value, annotation, who)
    if origin is Literal:
        return _convert_literal(value, annotation, who)
    if origin is tuple:
        return _convert_tuple(value, annotation, who)
    try:
        return _convert_scalar(value, annotation)
    except (TypeError, ValueError, OverflowError):
        raise OptionError(f"{who} takes {type_name(annotation)}; got {value!r}") from None


def _convert_union(value: Any, annotation: Any, who: str) -> Any:
    if value in (None, "none") and type(None) in get_args(annotation):
        return None
    for member in get_args(annotation):
        if member is not type(None):
            try:
                return convert(value, member, who=who)
            except OptionError:
                continue
    raise OptionError(f"{who} takes {type_name(annotation)}; got {value!r}")


def _convert_literal(value: Any, annotation: Any, who: str) -> Any:
    choices = get_args(annotation)
    for choice in choices:
        if value == choice or str(value) == str(choice):
            return choice
    texts = [str(choice) for choice in choices]
    raise OptionError(
        f"{who} takes one of {', '.join(texts)}; got {value!r}"
        + (did_you_mean(value, texts) if isinstance(value, str) and len(texts) > 3 else "")
    )


def _convert_tuple(value: Any, annotation: Any, who: str) -> tuple[Any, ...]:
    items = value.strip("()[] ").split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)):
        items = [items]
    items = [item.strip() if isinstance(item, str) else item for item in items]
    members = get_args(annotation)
    if len(members) == 2 and members[1] is Ellipsis:
        members = (members[0],) * len([item for item in items if item != ""])
    items = [item for item in items if item != ""]
    if len(items) != len(members):
        raise OptionError(f"{who} takes {type_name(annotation)}; got {value!r}")
    return tuple(
        convert(item, member, who=who) for item, member in zip(items, members, strict=True)
    )


def _convert_scalar(value: Any, annotation: Any) -> Any:
    if annotation is bool:
        return _convert_bool(value)
    if annotation is int:
        return _convert_int(value)
    if annotation is float:
        if isinstance(value, bool):
            raise TypeError
        return float(value)
    if annotation is str:
        if not isinstance(value, str):
            raise TypeError
        return value
    raise TypeError


def _convert_bool(value: Any) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError


def _convert_int(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    try:
        return int(value) if isinstance(value, (int, str)) else _whole(value)
    except ValueError:
        return _whole(float(value))


def _whole(number: float) -> int:
    if number != int(number):
        raise ValueError
    return int(number)


def type_name(annotation: Any) -> str:
    """Return an annotation as a person would write it, such as ``"a whole number"``."""
    origin, members = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(member) for member in members)
    if origin is Literal:
        return "one of " + ", ".join(str(member) for member in members)
    if origin is tuple:
        if len(members) == 2 and members[1] is Ellipsis:
            return f"{type_name(members[0]).removeprefix('a ')}s, separated by commas"
        return ", ".join(type_name(member) for member in members)
    if annotation is type(None):
        return "none"
    return {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}.get(
        annotation, getattr(annotation, "__name__", str(annotation))
    )
