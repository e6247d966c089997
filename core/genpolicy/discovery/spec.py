"""What a plugin says about a part before anything heavy is imported."""

import re
from collections.abc import Iterable
from typing import Final

import attrs

API_VERSION: Final = 1
"""The version of the plugin contract that this program speaks."""

KINDS: Final = (
    "backbone",
    "network",
    "objective",
    "critic",
    "solver",
    "inference",
    "dataset",
    "recipe",
    "tracker",
)
"""Every kind of part, in the order in which listings show them."""

_NAME = re.compile(r"[a-z0-9][a-z0-9.+_-]*(/[a-z0-9][a-z0-9.+_-]*)*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[\w./-]+(#[\w-]+)?")


def _is_name(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(
            f"a part's {attribute.name} is lower-case letters, digits and - . + _, "
            f"with / between levels; got {value!r}"
        )


def _is_target(_: object, __: object, value: str) -> None:
    if not isinstance(value, str) or not _TARGET.fullmatch(value):
        raise ValueError(f"a part's target reads 'package.module:Name'; got {value!r}")


def _is_target_or_nothing(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if value != "":
        _is_target(_, attribute, value)


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(names)


@attrs.frozen(kw_only=True)
class PartSpec:
    """One part that a plugin provides.

    Args:
        name: What a user types, such as ``"flow"`` or ``"pointmaze/umaze"``.
        summary: One line for listings.
        target: Where its recipe class lives, ``"package.module:Class"``, imported only when the
            part is used. For a ``recipe``: ``"package:file.toml"``, or
            ``"package:file.toml#task"`` for the table of one task.
        aliases: Further names.
        api_version: The version of the plugin contract that the part was written for; a part that
            does not say was written for the first.
        where: Of a dataset: where its data are, in a few words such as ``"shipped along"``.
        local: Of a dataset that is named with a colon: ``"package.module:function"``, a function
            without arguments that returns what may stand after the colon on this machine. Listings
            call it, so its module imports nothing heavy.
    """

    name: str = attrs.field(validator=_is_name)
    summary: str = attrs.field(validator=attrs.validators.instance_of(str))
    target: str = attrs.field(validator=_is_target)
    aliases: tuple[str, ...] = attrs.field(
        default=(), converter=_names, validator=attrs.validators.deep_iterable(_is_name)
    )
    api_version: int = attrs.field(default=1, validator=attrs.validators.instance_of(int))
    where: str = attrs.field(default="", validator=attrs.validators.instance_of(str))
    local: str = attrs.field(default="", validator=_is_target_or_nothing)
