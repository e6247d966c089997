"""D4RL's datasets by name: their files, their horizons, and where policies can be scored today.

The names and files are those that D4RL registers (Fu et al. 2020, arXiv 2004.07219; its
``infos.py`` and the registrations of its environments).
"""

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from genpolicy.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from genpolicy.dataset import EnvironmentSpec

HOST: Final = "http://rail.eecs.berkeley.edu/datasets/offline_rl"
"""Where D4RL publishes its files."""

FOLDER: Final = "~/.d4rl/datasets"
"""Where D4RL itself keeps what it has downloaded."""


@attrs.frozen(kw_only=True)
class D4RLFile:
    """One of D4RL's datasets.

    Args:
        file: Its file, below the host.
        horizon: Steps after which an episode is cut.
        successor: The id of Gymnasium's successor of the environment that the data came from, if
            it observes the same numbers.
        body: What D4RL calls that environment.
    """

    file: str
    horizon: int
    successor: str = ""
    body: str = ""

    @property
    def environment(self) -> "EnvironmentSpec | None":
        """Where policies can be scored today."""
        from genpolicy.dataset import EnvironmentSpec

        if not self.successor:
            return None
        note = f"the data came from D4RL's {self.body}, an older version of this environment"
        return EnvironmentSpec(id=self.successor, horizon=self.horizon, note=note)

    def places(self, name: str, folder: Path) -> list[Path]:
        """Return where in a folder a dataset of that name may lie."""
        own = self.file.rpartition("/")[2]
        return [folder / own, folder / self.file, folder / f"{name}.hdf5"]


def d4rl_file(name: str) -> D4RLFile:
    """Return what is known of a dataset.

    Raises:
        DataError: D4RL has none of that name.
    """
    files = d4rl_files()
    if name not in files:
        raise DataError(f"D4RL has no dataset {name!r}{did_you_mean(name, list(files))}")
    return files[name]


@functools.cache
def d4rl_files() -> dict[str, D4RLFile]:
    """Return all of them by name."""
    groups = (_locomotion(), _hands(), _ant_mazes(), _point_mazes(), _kitchens())
    return {name: file for group in groups for name, file in group}


def local_names() -> list[str]:
    """Return those in the folder that is looked into where the user names no other."""
    folder = default_folder()
    if folder is None or not folder.is_dir():
        return []
    files = d4rl_files().items()
    return [name for name, each in files if any(map(Path.is_file, each.places(name, folder)))]


def default_folder() -> Path | None:
    """Return that folder; ``None`` if ``AGENT_D4RL`` is an address."""
    place = os.environ.get("AGENT_D4RL") or FOLDER
    return None if is_address(place) else Path(place).expanduser()


def is_address(place: str) -> bool:
    """Whether files are to be downloaded from a place."""
    return place.startswith(("http://", "https://"))


_BODIES: Final = {"halfcheetah": "HalfCheetah", "hopper": "Hopper", "walker2d": "Walker2d"}
_KINDS: Final = ("random", "medium", "expert", "medium-replay", "medium-expert")


def _locomotion() -> Iterator[tuple[str, D4RLFile]]:
    for body in (*_BODIES, "ant"):
        for kind in _KINDS:
            # In the first version, replays were called mixed, and one body lacks its 2d there.
            replay, short = kind == "medium-replay", "walker" if body == "walker2d" else body
            stem = f"{short}_mixed" if replay else f"{body}_{kind}".replace("-", "_")
            yield f"{body}-{kind}-v0", _moving(body, f"gym_mujoco/{stem}.hdf5")
        for version in ("v1", "v2"):
            for kind in (*_KINDS, "full-replay"):
                stem = f"{body}_{kind}".replace("-", "_")
                path = f"gym_mujoco_{version}/{stem}-{version}.hdf5"
                yield f"{body}-{kind}-{version}", _moving(body, path)


def _moving(body: str, path: str) -> D4RLFile:
    if body not in _BODIES:  # today's ant observes other numbers
        return D4RLFile(file=path, horizon=1000)
    name = _BODIES[body]
    return D4RLFile(file=path, horizon=1000, successor=f"{name}-v5", body=name)


def _hands() -> Iterator[tuple[str, D4RLFile]]:
    old = {"human": "{}-v0_demos_clipped", "cloned": "{}-demos-v0-bc-combined"}
    old["expert"] = "{}-v0_expert_clipped"
    for task in ("pen", "hammer", "door", "relocate"):
        horizon = 100 if task == "pen" else 200
        successor = f"gymnasium_robotics:AdroitHand{task.capitalize()}-v1"
        for kind, stem in old.items():
            for version, path in (
                ("v0", f"hand_dapg/{stem.format(task)}.hdf5"),
                ("v1", f"hand_dapg_v1/{task}-{kind}-v1.hdf5"),
            ):
                file = D4RLFile(file=path, horizon=horizon, successor=successor, body=task)
                yield f"{task}-{kind}-{version}", file


def _ant_mazes() -> Iterator[tuple[str, D4RLFile]]:
    mazes = {"umaze": "u-maze", "medium": "big-maze", "large": "hardest-maze"}
    folders = {"v0": "ant_maze_new", "v1": "ant_maze_v1", "v2": "ant_maze_v2"}
    for version, folder in folders.items():
        for maze, called in mazes.items():
            for kind in ("", "-diverse") if maze == "umaze" else ("-play", "-diverse"):
                starts, goals = maze != "umaze" or bool(kind), kind == "-diverse"
                place = maze if version == "v1" else called
                fixed = "_fixed" if version == "v2" else ""
                stem = f"Ant_maze_{place}_noisy_multistart_{starts}_multigoal_{goals}_sparse{fixed}"
                horizon = 700 if maze == "umaze" else 1000
                file = D4RLFile(file=f"{folder}/{stem}.hdf5", horizon=horizon)
                yield f"antmaze-{maze}{kind}-{version}", file


def _point_mazes() -> Iterator[tuple[str, D4RLFile]]:
    horizons = {
        "v0": {"open": 150, "umaze": 150, "medium": 250, "large": 600},
        "v1": {"umaze": 300, "medium": 600, "large": 800},
    }
    horizons["v1"] |= {f"eval-{maze}": steps for maze, steps in horizons["v1"].items()}
    for version, mazes in horizons.items():
        suffix = "" if version == "v0" else "-v1"
        for maze, horizon in mazes.items():
            for kind, called in (("", "sparse"), ("-dense", "dense")):
                file = f"maze2d/maze2d-{maze}-{called}{suffix}.hdf5"
                yield f"maze2d-{maze}{kind}-{version}", D4RLFile(file=file, horizon=horizon)


def _kitchens() -> Iterator[tuple[str, D4RLFile]]:
    slider, burner = "microwave_kettle_light_slider", "microwave_kettle_bottomburner_light"
    tasks = {"complete": f"mini_kitchen_{slider}", "partial": f"kitchen_{slider}"}
    for kind, stem in {**tasks, "mixed": f"kitchen_{burner}"}.items():
        yield f"kitchen-{kind}-v0", D4RLFile(file=f"kitchen/{stem}-v0.hdf5", horizon=280)
