"""A recipe: the frozen description of a part, whose fields are its hyper-parameters.

The command line fills it in, the registry stores it and ``repr`` prints it; weights exist only
after it is built. Every field has a type, a default and one line of help::

    @attrs.frozen(kw_only=True)
    class Flow(BackboneRecipe):
        sigma: float = option(0.1, help="standard deviation of the noise around the path", ge=0)
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar, get_type_hints

import attrs
from attrs import validators

from genpolicy.conversion import convert, type_name
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
    ``shared`` names the options of a kind that mean any part of it: set together with one part,
    they hold for another one that the user names in its place.
    """

    argument: ClassVar[str | None] = None
    shared: ClassVar[frozenset[str]] = frozenset()

    def further_needs(self) -> Mapping[str, Any]:
        """Return what these options ask of arguments beyond their annotations: an ability.

        As ``{"policy": PathBackbone}``, for every method that has an argument ``policy``.
        """
        return {}

    def expected_failures(self) -> Mapping[str, str]:
        """Return which checks of :mod:`genpolicy.testing` it cannot pass, each with the reason.

        As ``{"a_rows_loss_is_its_own": "noise is paired with the samples of the whole batch"}``.
        """
        return {}


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
        return type_name(self.type)


def options_of(recipe: type[Recipe]) -> dict[str, Option]:
    """Return the hyper-parameters of a recipe class by name.

    Fields with ``init=False`` are none: the recipe derives them from the others.
    """
    hints = get_type_hints(recipe)
    return {
        field.name: Option(
            field.name, hints[field.name], field.default, field.metadata.get("help", "")
        )
        for field in attrs.fields(recipe)
        if field.init
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


def _finite(_: "Recipe", field: "attrs.Attribute[Any]", value: Any) -> None:
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, float) and not math.isfinite(number):
            raise ValueError(f"{field.name!r} must be finite: {value}")


def _plain(value: Any, annotation: Any = None) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if annotation is float and isinstance(value, int):
        return float(value)  # a default of 1 and a given 1.0 are one value, and hash alike
    return value


def _first_line(error: Exception) -> str:
    return str(error.args[0] if error.args else error).splitlines()[0]
