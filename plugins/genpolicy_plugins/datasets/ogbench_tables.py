"""OGBench's tables: a robot's arm plays with cubes, buttons, a drawer and a window."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from genpolicy_plugins.datasets.ogbench_episode import Episode

NOISE: Final = 0.1
"""How strong the noise of a plan is, in OGBench's unit."""

SMOOTHING: Final = 0.5
"""Over how many steps it is smoothed, as a Gaussian's standard deviation."""

_RIGHT, _LEFT = 0.29, -0.3
_DRAWER = (0.06, 0.08)
_CUBE = slice(14, 17)


def play(environment: Any, rows: int, seed: int | None) -> Episode:
    """Return an episode; its random numbers are numpy's global ones and the environment's.

    On the table with the drawer, an episode that pushes the cube out of sight is played again.

    Args:
        environment: A table that collects data and whose episodes do not end at their goal.
        rows: How many rows.
        seed: What the environment is reset with.
    """
    name = str(environment.spec.id)
    oracles = _oracles(environment, name)
    while True:
        episode = _play_once(environment, oracles, rows, seed, _stacking(name))
        if not name.startswith("scene") or _in_sight(episode):
            return episode
        seed = None


def _play_once(
    environment: Any, oracles: Mapping[str, Any], rows: int, seed: int | None, stacking: float
) -> Episode:
    seen, info = environment.reset(seed=seed)
    oracle = oracles[info["privileged/target_task"]]
    oracle.reset(seen, info)
    episode = Episode()
    for _ in range(rows):
        action = np.clip(oracle.select_action(seen, info), -1, 1)
        following, _, _, _, info = environment.step(action)
        episode.add(seen, action, info)
        seen = following
        if oracle.done:
            aim = environment.unwrapped.set_new_target(p_stack=stacking)
            oracle = oracles[aim[1]["privileged/target_task"]]
            oracle.reset(*aim)
    return episode


def _oracles(environment: Any, name: str) -> dict[str, Any]:
    """Return who follows a plan, by what the plan is for."""
    from ogbench.manipspace.oracles.plan.button_plan import ButtonPlanOracle
    from ogbench.manipspace.oracles.plan.cube_plan import CubePlanOracle
    from ogbench.manipspace.oracles.plan.drawer_plan import DrawerPlanOracle
    from ogbench.manipspace.oracles.plan.window_plan import WindowPlanOracle

    common = {"env": environment, "noise": NOISE, "noise_smoothing": SMOOTHING}
    if name.startswith("puzzle"):
        return {"button": ButtonPlanOracle(**common, gripper_always_closed=True)}
    cube = {"cube": CubePlanOracle(**common)}
    if name.startswith("cube"):
        return cube
    others = {"button": ButtonPlanOracle, "drawer": DrawerPlanOracle, "window": WindowPlanOracle}
    return cube | {task: oracle(**common) for task, oracle in others.items()}


def _stacking(name: str) -> float:
    """Return how likely a cube is put on another one, in this episode."""
    if name.startswith("cube-single"):
        return 0.0
    return float(np.random.uniform(0.0, 0.25)) if name.startswith("cube-double") else 0.5


def _in_sight(episode: Episode) -> bool:
    """Whether the cube stays where a camera sees it, or in the drawer."""
    cube = episode.column("qpos")[:, _CUBE]
    y, z = cube[:, 1], cube[:, 2]
    aside = (y <= _LEFT) & ((z < _DRAWER[0]) | (z > _DRAWER[1]))
    return not (aside.any() or (y >= _RIGHT).any())
