"""Environments made from their specification; no simulator is imported until one is made."""

import contextlib
import importlib
import io
import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from genpolicy.dataset import EnvironmentSpec, Floats
from genpolicy.errors import DataError

if TYPE_CHECKING:
    import gymnasium

    Environment = gymnasium.Env[Any, Any]

_log = logging.getLogger(__name__)


def make_environment(spec: EnvironmentSpec) -> "Environment":
    """Make one environment, cut after ``spec.horizon`` steps.

    Raises:
        DataError: It cannot be made; the message says what was missing.
    """
    import gymnasium

    try:
        _import_simulator(spec.id)
        with _swept_temporary_files():
            return gymnasium.make(
                spec.id, max_episode_steps=spec.horizon, disable_env_checker=True, **spec.kwargs
            )
    except Exception as error:
        raise DataError(f"environment {spec.id!r} cannot be made: {_sentence(error)}") from error


def environment_named(name: str, horizon: int | None = None) -> EnvironmentSpec:
    """Return the specification of an environment that a user names.

    Args:
        name: Gymnasium's id, with the module that registers it where Gymnasium does not.
        horizon: Steps after which episodes are cut; the environment's own limit if ``None``.

    Raises:
        DataError: It cannot be had, or has no limit of its own.
    """
    raise NotImplementedError


def make_environments(spec: EnvironmentSpec, count: int) -> "list[Environment]":
    """Make ``count`` separate environments, to be stepped one after the other.

    Raises:
        DataError: One cannot be made.
    """
    return [make_environment(spec) for _ in range(count)]


@contextlib.contextmanager
def _swept_temporary_files() -> Iterator[None]:
    """Remove what a simulator leaves in the temporary folder while it is made.

    gymnasium-robotics writes every maze to a file there, named by the clock, and never removes it.
    """
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="genpolicy-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


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


def _import_simulator(environment: str) -> None:
    """Import what an environment needs without the notices that packages print on import.

    MuJoCo's warnings go to the log: left alone it writes a file where the user stands.
    """
    import gymnasium
    from gymnasium.envs.registration import load_env_creator

    module, _, name = environment.rpartition(":")
    with contextlib.redirect_stderr(io.StringIO()):
        if module:
            importlib.import_module(module)
        entry_point = gymnasium.spec(name).entry_point
        if isinstance(entry_point, str):
            load_env_creator(entry_point)
    mujoco = sys.modules.get("mujoco")
    if mujoco is not None and mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(_log.info)


def _sentence(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]
