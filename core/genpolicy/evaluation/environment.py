"""Environments made from their specification; no simulator is imported until one is made."""

import contextlib
import importlib
import io
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from genpolicy.dataset import EnvironmentSpec, Floats
from genpolicy.errors import DataError

if TYPE_CHECKING:
    import gymnasium

    Environment = gymnasium.Env[Any, Any]

_log = logging.getLogger(__name__)

_INSTALL: Final = {
    "gymnasium_robotics": "gymnasium-robotics",
    "mujoco": "mujoco",
    "ogbench": "'genpolicy[ogbench]'",
}
"""What pip calls the package of a module."""


def make_environment(spec: EnvironmentSpec) -> "Environment":
    """Make one environment, cut after ``spec.horizon`` steps.

    Raises:
        DataError: It cannot be made; the message says what was missing.
    """
    try:
        with quietly():
            _import_simulator(spec)
        with _swept_temporary_files():
            return _made(spec)
    except ModuleNotFoundError as error:
        raise DataError(f"environment {spec.id!r} cannot be made: {missing(error)}") from error
    except Exception as error:
        raise DataError(f"environment {spec.id!r} cannot be made: {_sentence(error)}") from error


def make_environments(spec: EnvironmentSpec, count: int) -> "list[Environment]":
    """Make ``count`` separate environments, to be stepped one after the other.

    Raises:
        DataError: One cannot be made.
    """
    return [make_environment(spec) for _ in range(count)]


def flatten(spec: EnvironmentSpec, observation: Any) -> Floats:
    """Return an environment's observation as the vector a dataset holds, ``[observation]``.

    Raises:
        DataError: It is no array, nor a dictionary with the entries that the specification names.
    """
    if not isinstance(observation, Mapping):
        return np.asarray(observation, np.float32).ravel()
    missing = [key for key in spec.observation_keys if key not in observation]
    if missing or not spec.observation_keys:
        wanted = ", ".join(spec.observation_keys) or "none"
        raise DataError(
            f"environment {spec.id!r} observes {', '.join(observation)}, the dataset names "
            f"{wanted} as its observation; give observation_keys among the former"
        )
    parts = [np.ravel(observation[key]) for key in spec.observation_keys]
    return np.concatenate(parts).astype(np.float32)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep back the notices and warnings that simulators print while they are imported and made.

    MuJoCo's warnings go to the log: left alone it writes a file where the user stands.
    """
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    mujoco = sys.modules.get("mujoco")
    if mujoco is not None and mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(_log.info)


def missing(error: ModuleNotFoundError) -> str:
    """Return which package is missing, and how to get it."""
    module = str(error.name).partition(".")[0]
    return f"{error}; `pip install {_INSTALL.get(module, module.replace('_', '-'))}` may help"


def _import_simulator(spec: EnvironmentSpec) -> None:
    """Import what an environment needs."""
    import gymnasium
    from gymnasium.envs.registration import load_env_creator

    if spec.factory == "ogbench":
        importlib.import_module("ogbench")
        return
    module, _, name = spec.id.rpartition(":")
    if module:
        importlib.import_module(module)
    entry_point = gymnasium.spec(name).entry_point
    if isinstance(entry_point, str):
        load_env_creator(entry_point)


def _made(spec: EnvironmentSpec) -> "Environment":
    import gymnasium

    if spec.factory == "ogbench":
        from genpolicy.evaluation.ogbench_environment import make_ogbench

        return make_ogbench(spec)
    return gymnasium.make(
        spec.id, max_episode_steps=spec.horizon, disable_env_checker=True, **spec.kwargs
    )


@contextlib.contextmanager
def _swept_temporary_files() -> Iterator[None]:
    """Remove what a simulator leaves in the temporary folder while it is made.

    gymnasium-robotics and OGBench write every maze to a file there and never remove it.
    """
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="genpolicy-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def _sentence(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]
