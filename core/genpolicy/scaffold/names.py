"""What a new distribution, its package, its parts and their classes are called."""

import ast
import builtins
import re
from collections.abc import Iterable
from functools import cache
from typing import Final

import attrs

from genpolicy.discovery.spec import KINDS
from genpolicy.errors import UsageError, did_you_mean
from genpolicy.scaffold.templates import sources

_NAME: Final = re.compile(r"[a-z0-9]+([._-]+[a-z0-9]+)*")
_OURS: Final = ("plugins", "cli")  # genpolicy_plugins and genpolicy_cli are packages of ours
_SUFFIXES: Final = ("", "Model", "Network", "Critic", "Observer")


@attrs.frozen(kw_only=True)
class Names:
    """The names of a new distribution.

    Args:
        part: What users type, ``"one-step"``.
        distribution: ``"genpolicy-one-step"``.
        package: ``"genpolicy_one_step"``.
        class_name: What its recipes are called, ``"OneStep"``.
    """

    part: str
    distribution: str
    package: str
    class_name: str

    @property
    def full_name(self) -> str:
        """The name that no other distribution can claim."""
        return f"{self.distribution}/{self.part}"


def names_of(name: str) -> Names:
    """Return the names that follow from a part's.

    Args:
        name: The part's name, or its distribution's: ``"drift"`` or ``"genpolicy-drift"``.

    Raises:
        UsageError: It cannot name a part and a distribution; the message names one that can.
    """
    part = re.sub(r"^genpolicy[._-]+", "", name)
    if not _NAME.fullmatch(part):
        raise UsageError(
            f"{name!r} cannot name a distribution of parts: a name is lower-case letters and "
            f"digits, with - . or _ between them{_instead_of(part)}"
        )
    words = re.split(r"[._-]+", part)
    if part in _OURS:
        raise UsageError(f"genpolicy_{part} is a package of genpolicy itself; choose another name")
    return Names(
        part=part,
        distribution="-".join(["genpolicy", *words]),
        package="_".join(["genpolicy", *words]),
        class_name=_class_name(words),
    )


def kinds_of(named: Iterable[str]) -> tuple[str, ...]:
    """Return kinds of parts, each once and in the order of listings.

    Raises:
        UsageError: One is no kind of part.
    """
    wanted = set(named)
    for kind in sorted(wanted - set(KINDS)):
        raise UsageError(f"there is no kind of part called {kind!r}{did_you_mean(kind, KINDS)}")
    return tuple(kind for kind in KINDS if kind in wanted)


def _instead_of(part: str) -> str:
    nearest = re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-")
    return f", such as {nearest!r}" if nearest else ", such as 'drift'"


def _class_name(words: list[str]) -> str:
    name = "".join(word[0].upper() + word[1:] for word in words)
    usable = name.isidentifier() and not _taken() & {name + suffix for suffix in _SUFFIXES}
    return name if usable else f"My{name}"


@cache
def _taken() -> frozenset[str]:
    """Return the names that the templates and Python itself use for something else."""
    taken = set(dir(builtins))
    for text in sources():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                taken |= {alias.name for alias in node.names}
    return frozenset(taken - {"Example"})
