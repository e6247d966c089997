"""Environments of our own to act in, which cost nothing."""

from typing import Any

import gymnasium
import numpy as np

Observed = tuple[np.ndarray, dict[str, Any]]


class Drift(gymnasium.Env[np.ndarray, np.ndarray]):
    """Moves by its action and a little noise; rewards the action; ends far out."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
    forgets = True

    def reset(self, *, seed: int | None = None, options: Any = None) -> Observed:
        if self.forgets or "place" not in vars(self):
            super().reset(seed=seed)
        self.place = self.np_random.normal(size=3).astype(np.float32)
        return self.place, {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        moved = self.place + 0.1 * self.np_random.normal(size=3)
        moved[:2] += action
        self.place = moved.astype(np.float32)
        return self.place, float(action.sum()), bool(abs(self.place).max() > 4.0), False, {}


class Remembering(Drift):
    """The same, whose noise does not begin anew with a seed."""

    forgets = False


class Breaking(Drift):
    """The same, whose fifth reward is not a number."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> Observed:
        self.count = 0
        return super().reset(seed=seed, options=options)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.count += 1
        seen, reward, *rest = super().step(action)
        return seen, float("nan") if self.count == 5 else reward, *rest


for kind in (Drift, Remembering, Breaking):
    gymnasium.register(f"drifting/{kind.__name__}-v0", entry_point=kind)
