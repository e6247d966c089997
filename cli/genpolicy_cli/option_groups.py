"""Options that belong together and that several commands take.

A group is a frozen attrs class; the types of its fields say, in ``Annotated``, what typer is to
know of the options. A command that takes one is decorated with :func:`grouped`.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from inspect import Parameter, Signature
from typing import Any, get_type_hints

import attrs


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with an option for every field of the groups that it takes.

    Each group stands among the options where the command names it. Its class is called with what
    was typed, and what that raises is what the command raises.

    Args:
        command: A function some of whose parameters have a group as their type.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if attrs.has(kind)}
    parameters = [*_parameters(inspect.signature(command), hints, groups)]

    @functools.wraps(command)
    def called(**typed: Any) -> None:
        for name, kind in groups.items():
            typed[name] = kind(**{key: typed.pop(key) for key in attrs.fields_dict(kind)})
        command(**typed)

    called.__annotations__ = {each.name: each.annotation for each in parameters}
    called.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return called


def _parameters(
    signature: Signature, hints: dict[str, Any], groups: dict[str, type]
) -> Iterator[Parameter]:
    for name, parameter in signature.parameters.items():
        if name in groups:
            for field in attrs.fields(groups[name]):
                yield _keyword(field.name, field.default, field.type)
        else:
            yield _keyword(name, parameter.default, hints[name])


def _keyword(name: str, default: Any, annotation: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
