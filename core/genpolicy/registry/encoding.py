"""How values that a database column cannot hold are written: NaN, infinities, JSON, odd text.

A floating-point number takes two columns, of which exactly one is filled: the number itself, or
its name, ``'nan'``, ``'inf'`` or ``'-inf'``. Inside JSON such a number is ``{"$float": "nan"}``.
"""

import json
import math
from collections.abc import Mapping
from typing import Any


def split_float(value: float) -> tuple[float | None, str | None]:
    """Return a number as its two columns, ``(value, special)``."""
    value = float(value)
    return (value, None) if math.isfinite(value) else (None, str(value))


def join_float(value: float | None, special: str | None) -> float:
    """Return the number that two columns hold."""
    if value is not None:
        return value
    assert special is not None
    return float(special)


def encode_json(value: Any) -> str:
    """Return JSON values as a text that any JSON reader takes."""
    return json.dumps(plain(value), allow_nan=False)


def decode_json(text: str) -> Any:
    """Return the values that :func:`encode_json` wrote."""
    return json.loads(text, object_hook=_unnamed)


def printable(text: str) -> str:
    """Return a text with the surrogates of undecodable file names and NUL spelt out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "\\x00")


def plain(value: Any) -> Any:
    """Return JSON values with NaN, infinities and odd text spelt out."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, Mapping):
        return {printable(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _unnamed(value: dict[str, Any]) -> Any:
    return float(value["$float"]) if value.keys() == {"$float"} else value
