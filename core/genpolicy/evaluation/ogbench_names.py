"""OGBench's names: of its data, of its environments, and of the single tasks within them.

``cube-single-play-v0`` is data of the kind ``play`` made in the environment ``cube-single-v0``;
``cube-single-play-singletask-task2-v0`` is the same data with one task's rewards, and
``cube-single-play-singletask-v0`` that of the task that OGBench takes by default.
"""

import re
from difflib import get_close_matches
from importlib import metadata
from typing import Final

import attrs

from genpolicy.dataset import EnvironmentSpec
from genpolicy.errors import DataError
from genpolicy.evaluation.environment import missing, quietly

OGBENCH: Final = "ogbench:"

_NAME: Final = re.compile(
    r"(?P<place>[a-z0-9]+(?:-(?!singletask)[a-z0-9]+)*)-(?P<kind>(?!singletask)[a-z]+)"
    r"(?P<single>-singletask(?:-task(?P<task>[1-5]))?)?-(?P<version>v\d+)"
)
_PIXELS: Final = ("visual-", "powderworld-")


@attrs.frozen
class OGBenchName:
    """The pieces of a name.

    Args:
        place: Where, such as ``cube-single``.
        kind: How the data came about, such as ``play``.
        version: Such as ``v0``.
        task: 1 to 5; 0 is OGBench's default; ``None`` where the name is of no single task.
    """

    place: str
    kind: str
    version: str
    task: int | None

    @classmethod
    def parse(cls, name: str) -> "OGBenchName":
        """Take a name to pieces.

        Raises:
            DataError: It is no name of OGBench's, or one of data in pixels.
        """
        found = _NAME.fullmatch(name)
        if found is None:
            raise DataError(
                f"OGBench's names read like cube-single-play-v0 or "
                f"cube-single-play-singletask-task2-v0; got {name!r}"
            )
        if name.startswith(_PIXELS):
            raise DataError(f"OGBench's {name!r} observes pixels, and only states can be learnt")
        task = int(found["task"] or 0) if found["single"] else None
        return cls(found["place"], found["kind"], found["version"], task)

    @property
    def data(self) -> str:
        """The name of the data, which all tasks share."""
        return f"{self.place}-{self.kind}-{self.version}"

    @property
    def environment(self) -> str:
        """Gymnasium's id of the environment, which has no task of its own."""
        return f"{self.place}-{self.version}"

    @property
    def single(self) -> str:
        """The name of the data with the rewards of one task."""
        return f"{self.place}-{self.kind}-{self._task}-{self.version}"

    @property
    def registered(self) -> str:
        """Gymnasium's id of the environment with one task."""
        return f"{self.place}-{self._task}-{self.version}"

    @property
    def _task(self) -> str:
        return f"singletask-task{self.task}" if self.task else "singletask"


def ogbench_spec(name: str) -> tuple[EnvironmentSpec, int | None]:
    """Return the specification of a single task's environment, and its own limit.

    Args:
        name: The name of a single task's data.

    Raises:
        DataError: There is no such environment, it has no single task, or OGBench is missing.
    """
    parsed = OGBenchName.parse(name)
    if parsed.task is None:
        raise DataError(
            f"OGBench's {name!r} has many goals, which its observations do not tell; name one "
            f"task, such as {OGBENCH}{attrs.evolve(parsed, task=1).single}"
        )
    limit = _limit(parsed)
    version = ogbench_version()
    spec = EnvironmentSpec(id=parsed.single, horizon=limit or 1, factory="ogbench", version=version)
    return spec, limit


def ogbench_version() -> str:
    """Return the version of OGBench that is installed.

    Single-task rewards fall one step later since 1.2.0 than they did before.
    """
    return metadata.version("ogbench")


def import_ogbench() -> None:
    """Import OGBench, which registers its environments.

    Raises:
        DataError: It is not installed.
    """
    try:
        with quietly():
            import ogbench  # noqa: F401
    except ModuleNotFoundError as error:
        raise DataError(f"OGBench's data and environments need it: {missing(error)}") from error


def _limit(name: OGBenchName) -> int | None:
    import gymnasium

    import_ogbench()
    if name.registered not in gymnasium.registry:
        raise DataError(f"OGBench has no single task {name.single!r}{_nearest(name)}")
    return gymnasium.registry[name.registered].max_episode_steps


def _nearest(name: OGBenchName) -> str:
    """Return the nearest names of single tasks, in words."""
    import gymnasium

    tasks = [key for key in gymnasium.registry if "-singletask" in key and "visual-" not in key]
    names = [key.replace("-singletask", f"-{name.kind}-singletask") for key in tasks]
    near = get_close_matches(name.single, names, n=3, cutoff=0.6)
    return f"; the nearest are {', '.join(near)}" if near else ""
