"""Environments by the names that users type."""

import importlib
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import attrs

from genpolicy.dataset import EnvironmentSpec
from genpolicy.errors import DataError
from genpolicy.evaluation.environment import make_environment, missing, quietly
from genpolicy.evaluation.observing import observation_keys
from genpolicy.evaluation.ogbench_names import OGBENCH, ogbench_spec

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGES: Final = ("gymnasium_robotics",)
"""Packages whose environments are found without naming them, where they are installed."""

_ENDLESS: Final = 10**9
"""Stands for the horizon until the environment's own limit is known."""


def environment_named(name: str, horizon: int | None = None) -> EnvironmentSpec:
    """Return the specification of an environment that a user names.

    Args:
        name: Gymnasium's id (``Hopper-v5``), with the module that registers it where no known
            package does (``mine:Robot-v0``), or ``ogbench:`` and the name of a single task's data.
        horizon: Steps after which episodes are cut; the environment's own limit if ``None``.

    Raises:
        DataError: It cannot be had, or has no limit of its own.
    """
    own = name.startswith(OGBENCH)
    spec, limit = ogbench_spec(name.removeprefix(OGBENCH)) if own else _registered(name)
    steps = horizon or limit
    if steps is None:
        raise DataError(
            f"environment {name!r} does not say when an episode ends; set dataset.horizon to the "
            "steps after which evaluation episodes are cut"
        )
    return attrs.evolve(spec, horizon=steps, observation_keys=_keys(spec, name))


def _keys(spec: EnvironmentSpec, name: str) -> tuple[str, ...]:
    environment = make_environment(spec)
    try:
        return observation_keys(environment.observation_space, who=f"environment {name!r}")
    finally:
        environment.close()


def _registered(name: str) -> tuple[EnvironmentSpec, int | None]:
    """Return the specification of an environment of Gymnasium's registry, and its own limit."""
    import gymnasium

    module, _, bare = name.rpartition(":")
    with quietly():
        _import(module, name)
        module = module or next((known for known in _PACKAGES if _provides(known, bare)), "")
    if bare not in gymnasium.registry:
        raise DataError(f"there is no environment {name!r}{_nearest(bare, gymnasium.registry)}")
    spec = EnvironmentSpec(id=f"{module}:{bare}" if module else bare, horizon=_ENDLESS)
    return spec, gymnasium.registry[bare].max_episode_steps


def _import(module: str, name: str) -> None:
    if not module:
        return
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise DataError(f"environment {name!r} cannot be had: {missing(error)}") from error


def _provides(module: str, bare: str) -> bool:
    """Whether it is a package, and not Gymnasium itself, that registers an environment."""
    import gymnasium

    if bare in gymnasium.registry and module not in sys.modules:
        return False
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return bare in gymnasium.registry and f"{gymnasium.registry[bare].entry_point}".startswith(
        module
    )


def _nearest(name: str, known: "Iterable[str]") -> str:
    near = get_close_matches(name, list(known), n=3, cutoff=0.6)
    if near:
        return f"; the nearest names are {', '.join(near)}"
    return "; name one of Gymnasium's, or put the module that registers it before a colon"
