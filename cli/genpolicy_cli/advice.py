"""Commands that messages advise, with the registry that the present one was given."""

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_OPTION: Final = "--registry"
_ADVISED: Final = re.compile(r"`(agent (?:resume|reproduce|evaluate|runs)\b[^`]*)`")
_REGISTRY: ContextVar[str] = ContextVar("registry", default="")


@contextmanager
def about(typed: Sequence[str]) -> Iterator[None]:
    """Remember, for as long as a command lasts, which registry it was given."""
    token = _REGISTRY.set(_registry_of(typed))
    try:
        yield
    finally:
        _REGISTRY.reset(token)


def completed(message: str) -> str:
    """Return a message whose advised commands name the registry, where it is not the usual one."""
    place = _REGISTRY.get()
    if not place:
        return message
    words = f" {_OPTION} {shlex.quote(without_passwords(place))}"
    return _ADVISED.sub(lambda found: f"`{found[1]}{words}`", message)


def without_passwords(command: str) -> str:
    """Return a command line as it may be recorded and shown."""
    hidden = re.sub(r"(://[^\s/:@]*:)[^\s/]*@", r"\1***@", command)
    return re.sub(r"([?&](?:ssl)?password=)[^\s&']*", r"\1***", hidden)


def _registry_of(typed: Sequence[str]) -> str:
    for number, word in enumerate(typed):
        if word == _OPTION:
            return next(iter(typed[number + 1 :]), "")
        if word.startswith(f"{_OPTION}="):
            return word.removeprefix(f"{_OPTION}=")
    return ""
