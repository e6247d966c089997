"""Where settings come from: layers of ``slot.option`` values, the later over the earlier."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from genpolicy.errors import OptionError


@attrs.frozen
class Layer:
    """Settings from one source.

    Args:
        origin: The source in words, such as ``"command line"`` or ``"recipe quick"``.
        values: Values by ``slot``, which names a part, or by ``slot.option``.
    """

    origin: str
    values: Mapping[str, Any]


def from_arguments(arguments: Sequence[str]) -> Layer:
    """Read ``slot=part`` and ``slot.option=value`` arguments.

    Raises:
        OptionError: One of them is not of that form.
    """
    values = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or not key:
            raise OptionError(f"{argument!r} is not an option; options read kind.key=value")
        values[key] = value
    return Layer("command line", values)


def from_config(path: Path) -> Layer:
    """Read a TOML file whose tables are slots; ``name`` in a part's table names the part.

    Raises:
        OptionError: There is no such file, or it is not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise OptionError(f"config {str(path)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise OptionError(f"config {str(path)!r} is not a text file in UTF-8") from error
    return Layer(f"config {path}", flatten(parse_toml(text, f"config {str(path)!r}")))


def parse_toml(text: str, who: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        OptionError: It is not TOML; the message says where.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"{who} is not valid TOML: {error}") from error


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one mapping of dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
