"""Where policies are scored, and between which returns."""

from collections.abc import Mapping
from typing import Any, Final

import attrs

from genpolicy.errors import DataError

FACTORIES: Final = ("gymnasium", "ogbench")
"""By which makers environments are made."""


@attrs.frozen(kw_only=True)
class EnvironmentSpec:
    """How to make the environment that a dataset came from.

    Args:
        id: The maker's name of it; Gymnasium's id with the module that registers it:
            ``"gymnasium_robotics:PointMaze…"``.
        kwargs: Arguments of the maker.
        observation_keys: For dict observations, the entries that are flattened into one vector, in
            this order; empty for plain observations.
        horizon: Evaluation episodes are cut after this many steps.
        factory: Who makes it: Gymnasium's ``make``, or OGBench's own maker.
        version: The version of a benchmark whose versions do not pay alike.
        note: What whoever reads its scores should know.
        chosen: What a user's options say of it, in place of the data's own; told by the name of the
            protocol that its scores are recorded with.

    Raises:
        DataError: Nobody here is called like the factory.
    """

    id: str
    kwargs: Mapping[str, Any] = attrs.field(factory=dict)
    observation_keys: tuple[str, ...] = ()
    horizon: int
    factory: str = "gymnasium"
    version: str = ""
    note: str = ""
    chosen: str = ""

    def __attrs_post_init__(self) -> None:
        if self.factory not in FACTORIES:
            raise DataError(
                f"environment {self.id!r} asks to be made by {self.factory!r}; environments are "
                f"made by {' or '.join(FACTORIES)}"
            )

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "EnvironmentSpec":
        """Return the specification that :meth:`as_json` wrote down.

        Raises:
            KeyError: The id or the horizon is missing.
            DataError: Nobody here is called like the factory.
        """
        return cls(
            id=str(value["id"]),
            kwargs=dict(value.get("kwargs", {})),
            observation_keys=tuple(value.get("observation_keys", ())),
            horizon=int(value["horizon"]),
            factory=str(value.get("factory", "gymnasium")),
            version=str(value.get("version", "")),
            note=str(value.get("note", "")),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the specification as JSON values; Gymnasium goes without saying."""
        values: dict[str, Any] = {
            "id": self.id,
            "kwargs": dict(self.kwargs),
            "observation_keys": list(self.observation_keys),
            "horizon": self.horizon,
        }
        if self.factory != "gymnasium":
            values["factory"] = self.factory
        told = {"version": self.version, "note": self.note}
        return values | {name: text for name, text in told.items() if text}

    @property
    def told(self) -> str:
        """What follows a protocol's name where a user chose: scores compare only within both."""
        return f"@{self.chosen}" if self.chosen else ""

    def answers_to(self, name: str) -> bool:
        """Whether a user's name means this environment."""
        return name in (self.id, f"{self.factory}:{self.id}", self.id.rpartition(":")[2])


@attrs.frozen(kw_only=True)
class Reference:
    """Returns between which a score is normalised.

    Args:
        random_return: The mean return of random actions (score 0).
        expert_return: The mean return of an expert (score 100).
        source: How they were measured, or who published them.

    Raises:
        DataError: Both returns are the same, so that no score lies between them.
    """

    random_return: float
    expert_return: float
    source: str

    def __attrs_post_init__(self) -> None:
        if self.random_return == self.expert_return:
            raise DataError(
                f"a reference needs a random_return and an expert_return that differ; both are "
                f"{self.random_return} (source: {self.source or 'not given'}); correct one of "
                "them, or leave the reference out to be scored without normalising"
            )
