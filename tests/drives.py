"""An environment that other processes can make, and that behaves otherwise there if asked to."""

import os
import signal
import time
from multiprocessing import parent_process
from pathlib import Path

import gymnasium
import numpy as np

from genpolicy.dataset import EnvironmentSpec


class Drive(gymnasium.Env):
    """Rewards the action; its episodes differ in length by where they start and what is done.

    Args:
        dies: Whether a worker that plays it is killed.
        hangs: A file into which a worker that plays it writes its number, to wait for ever.
    """

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def __init__(self, dies=False, hangs=None):
        self._dies, self._hangs = dies, hangs

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._left = float(self.np_random.uniform(1.0, 9.0))
        return self._seen(), {}

    def step(self, action):
        if parent_process() is not None:
            self._misbehave()
        self._left -= 1.0 + 0.5 * float(np.clip(action[0], -1, 1))
        reward = float(action[0] - action[1])
        return self._seen(), reward, self._left < 0, False, {"success": reward > 0}

    def _seen(self):
        return self.np_random.normal(size=3).astype(np.float32)

    def _misbehave(self):
        if self._dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._hangs is not None:
            Path(self._hangs).write_text(str(os.getpid()))
            time.sleep(600)


gymnasium.register("Drive-v0", entry_point=Drive)


def drive(**kwargs) -> EnvironmentSpec:
    """Return how it is made, in whatever process."""
    return EnvironmentSpec(id="drives:Drive-v0", kwargs=kwargs, horizon=8)
