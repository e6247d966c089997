"""A recipe: the frozen description of a part, whose fields are its hyper-parameters.

The command line fills it in, the registry stores it and ``repr`` prints it; weights exist only
after it is built. Every field has a type, a default and one line of help::

    @attrs.frozen(kw_only=True)
    class Flow(BackboneRecipe):
        sigma: float = option(0.1, help="standard deviation of the noise around the path", ge=0)
"""

import math
import types
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import validators

from genpolicy.errors import OptionError, did_you_mean

R = TypeVar("R", bound="Recipe")


def option(
    default: Any,
    *,
    help: str,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
) -> Any:
    """Declare one hyper-parameter of a recipe; its numbers are finite.

    Args:
        default: Its default value.
        help: One line that says what it is, with its unit.
        ge: The smallest value allowed.
        gt: A bound that the value must exceed.
        le: The largest value allowed.
        lt: A bound that the value must stay under.
    """
    bounds = {"ge": ge, "gt": gt, "le": le, "lt": lt}
    checks = [
        validators.optional(getattr(validators, name)(bound))
        for name, bound in bounds.items()
        if bound is not None
    ]
    return attrs.field(default=default, validator=[_finite, *checks], metadata={"help": help})


@attrs.frozen(kw_only=True)
class Recipe:
    """Base of every part that can be named.

    ``argument`` names the option that ``--kind name:value`` fills in, where there is one.
    """

    argument: ClassVar[str | None] = None


@attrs.frozen
class Option:
    """What is known of one hyper-parameter.

    Args:
        name: Its name.
        type: Its annotation.
        default: Its default value.
        help: One line of help.
    """

    name: str
    type: Any
    default: Any
    help: str

    @property
    def type_name(self) -> str:
        """The annotation as a person would write it."""
        return _type_name(self.type)


def options_of(recipe: type[Recipe]) -> dict[str, Option]:
    """Return the hyper-parameters of a recipe class by name."""
    hints = get_type_hints(recipe)
    return {
        field.name: Option(
            field.name, hints[field.name], field.default, field.metadata.get("help", "")
        )
        for field in attrs.fields(recipe)
    }


def make_recipe(recipe: type[R], options: Mapping[str, Any], *, who: str) -> R:
    """Build a recipe from option values, as typed by a person or read from JSON or TOML.

    Args:
        recipe: The recipe class.
        options: Values by option name; strings are read according to the option's type.
        who: What to call the recipe in errors, such as ``"backbone flow"``.

    Raises:
        OptionError: An option is unknown or a value does not fit; the message names the nearest
            option or the values that would.
    """
    known = options_of(recipe)
    values = {}
    for name, value in options.items():
        if name not in known:
            raise OptionError(f"{who} has no option {name!r}{did_you_mean(name, list(known))}")
        values[name] = convert(value, known[name].type, who=f"option {name!r} of {who}")
    try:
        return recipe(**values)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{who}: {_first_line(error)}") from error


def recipe_values(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe's options as plain JSON values."""
    known = options_of(type(recipe)).values()
    return {option.name: _plain(getattr(recipe, option.name), option.type) for option in known}


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
        raise OptionError(f"{who} takes {_type_name(annotation)}; got {value!r}") from None


def _finite(_: "Recipe", field: "attrs.Attribute[Any]", value: Any) -> None:
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, float) and not math.isfinite(number):
            raise ValueError(f"{field.name!r} must be finite: {value}")


def _convert_union(value: Any, annotation: Any, who: str) -> Any:
    if value in (None, "none") and type(None) in get_args(annotation):
        return None
    for member in get_args(annotation):
        if member is not type(None):
            try:
                return convert(value, member, who=who)
            except OptionError:
                continue
    raise OptionError(f"{who} takes {_type_name(annotation)}; got {value!r}")


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
        raise OptionError(f"{who} takes {_type_name(annotation)}; got {value!r}")
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


def _type_name(annotation: Any) -> str:
    origin, members = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(_type_name(member) for member in members)
    if origin is Literal:
        return "one of " + ", ".join(str(member) for member in members)
    if origin is tuple:
        if len(members) == 2 and members[1] is Ellipsis:
            return f"{_type_name(members[0]).removeprefix('a ')}s, separated by commas"
        return ", ".join(_type_name(member) for member in members)
    if annotation is type(None):
        return "none"
    return {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}.get(
        annotation, getattr(annotation, "__name__", str(annotation))
    )


def _plain(value: Any, annotation: Any = None) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if annotation is float and isinstance(value, int):
        return float(value)  # a default of 1 and a given 1.0 are one value, and hash alike
    return value


def _first_line(error: Exception) -> str:
    return str(error.args[0] if error.args else error).splitlines()[0]
