"""Scores are those of a plain loop over Gymnasium's vector environment, however it resets itself.

The loop is written here with nothing of the evaluator's: sub-environments that know the seeds of
their own episodes, and for each mode what Gymnasium says of its steps.
"""

from collections.abc import Callable

import attrs
import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from genpolicy.dataset import EnvironmentSpec
from genpolicy.evaluation import Evaluator, Protocol, evaluate, flatten, make_environment

HOPPER = EnvironmentSpec(id="Hopper-v5", horizon=30)
MAZE = EnvironmentSpec(
    id="gymnasium_robotics:PointMaze_UMaze-v3",
    kwargs={"continuing_task": False, "reset_target": False},
    observation_keys=("observation", "desired_goal"),
    horizon=50,
)
PASSING = EnvironmentSpec(id="Passing-v0", horizon=9)
PROTOCOL = Protocol(episodes=11, environments=4, seed=21)

Act = Callable[[np.ndarray, object], np.ndarray]


class Passing(gymnasium.Env[np.ndarray, np.ndarray]):
    """Is where it should be for a moment, of which it may be cut short, and goes on."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):  # type: ignore[no-untyped-def]
        super().reset(seed=seed)
        self.left = int(self.np_random.integers(1, 13))
        return np.array([self.left], np.float32), {}

    def step(self, action):  # type: ignore[no-untyped-def]
        self.left -= 1
        seen = np.array([self.left], np.float32)
        return seen, float(action[0]), False, False, {"success": self.left == 0}


gymnasium.register("Passing-v0", entry_point=Passing)


def stay(observation: np.ndarray, generator: object) -> np.ndarray:
    """Do a little."""
    return _noise(observation, 1).astype(np.float32)


def _noise(observation: np.ndarray, size: int) -> np.ndarray:
    """Numbers between -1 and 1 that look random, and are the same for the same observation."""
    turns = np.sin(observation.sum(axis=1, dtype=np.float64))[:, None] * np.arange(1, size + 1)
    return 2.0 * np.mod(43758.5453 * turns, 1.0) - 1.0


def hop(observation: np.ndarray, generator: object) -> np.ndarray:
    """Fall over, sooner or later."""
    steady = np.array([-0.2, 0.1, 0.3])
    return np.clip(steady + _noise(observation, 3), -1, 1).astype(np.float32)


def steer(observation: np.ndarray, generator: object) -> np.ndarray:
    """Go straight for the goal, which walls may stand before, with a trembling hand."""
    place, speed, goal = observation[:, :2], observation[:, 2:4], observation[:, 4:]
    action = 10.0 * (goal - place) - speed + 0.5 * _noise(observation, 2)
    return np.clip(action, -1, 1).astype(np.float32)


class OwnSeeds(gymnasium.Wrapper):
    """Begins each episode from the next of its own seeds, whoever resets it."""

    def __init__(self, environment: gymnasium.Env, seeds: range) -> None:
        super().__init__(environment)
        self.seeds = list(seeds)

    def reset(self, *, seed=None, options=None):  # type: ignore[no-untyped-def]
        return self.env.reset(seed=self.seeds.pop(0) if self.seeds else None)


@attrs.define
class Tally:
    """What is known of an episode that is under way."""

    seed: int
    total: float = 0.0
    length: int = 0
    told: bool = False
    solved_at: int | None = None

    def row(self) -> tuple[float, int, bool | None, int | None, int]:
        success = self.solved_at is not None if self.told else None
        return self.total, self.length, success, self.solved_at, self.seed


def by_vector(spec: EnvironmentSpec, act: Act, protocol: Protocol, mode: AutoresetMode) -> list:
    """Play every sub-environment's own share of the episodes; return them in order of seeds."""
    first, count = protocol.seed, protocol.environments
    shares = [range(first + i, first + protocol.episodes, count) for i in range(count)]
    makers = [lambda share=share: OwnSeeds(make_environment(spec), share) for share in shares]
    vector = SyncVectorEnv(makers, autoreset_mode=mode)
    left = [list(share) for share in shares]
    tallies = [Tally(seeds.pop(0)) for seeds in left]
    rows, resets = [], np.zeros(count, bool)
    observation, _ = vector.reset()
    while any(tally is not None for tally in tallies):
        action = act(_flat(spec, observation, count), None)
        observation, reward, terminal, timeout, info = vector.step(action)
        over = terminal | timeout
        for i, tally in enumerate(tallies):
            if tally is None or resets[i]:
                continue  # its share is played, or this step was nothing but a reset
            tally.total += float(reward[i])
            tally.length += 1
            _note_success(tally, i, info, over[i] and mode is AutoresetMode.SAME_STEP)
            if over[i]:
                rows.append(tally.row())
                tallies[i] = Tally(left[i].pop(0)) if left[i] else None
        resets = over if mode is AutoresetMode.NEXT_STEP else np.zeros(count, bool)
        if mode is AutoresetMode.DISABLED and over.any():
            observation, _ = vector.reset(options={"reset_mask": over})
    vector.close()
    return sorted(rows, key=lambda row: row[-1])


def _note_success(tally: Tally, i: int, info: dict, final: bool) -> None:
    own = info.get("final_info", {}) if final else info
    if "success" in own and own["_success"][i]:
        tally.told = True
        if own["success"][i] and tally.solved_at is None:
            tally.solved_at = tally.length


def _flat(spec: EnvironmentSpec, observation, count: int) -> np.ndarray:  # type: ignore[no-untyped-def]
    if isinstance(observation, dict):
        singles = [{key: value[i] for key, value in observation.items()} for i in range(count)]
    else:
        singles = list(observation)
    return np.stack([flatten(spec, single) for single in singles])


def _rows(record) -> list:  # type: ignore[no-untyped-def]
    return [attrs.astuple(episode) for episode in record.episodes]


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize(
    ("spec", "act"),
    [(HOPPER, hop), (MAZE, steer), (PASSING, stay)],
    ids=["hopper", "maze", "passing"],
)
def test_every_episode_is_that_of_gymnasiums_vector_environment(
    spec: EnvironmentSpec, act: Act, mode: AutoresetMode
) -> None:
    assert _rows(evaluate(act, spec, PROTOCOL)) == by_vector(spec, act, PROTOCOL, mode)


@pytest.mark.slow
def test_these_episodes_differ_in_how_long_they_are_and_how_they_end() -> None:
    """Else a loop that counts wrongly would count the same."""
    hops = evaluate(hop, HOPPER, PROTOCOL).episodes
    lengths = [episode.length for episode in hops]
    assert len(set(lengths)) > 4
    assert min(lengths) < HOPPER.horizon
    assert {episode.success for episode in hops} == {None}
    passes = evaluate(stay, PASSING, PROTOCOL).episodes
    assert {episode.success for episode in passes} == {True, False}
    walks = evaluate(steer, MAZE, PROTOCOL)
    assert {episode.success for episode in walks.episodes} == {True, False}
    assert len({episode.steps_to_success for episode in walks.episodes}) > 3
    solved = sum(bool(episode.success) for episode in walks.episodes)
    assert walks.success is not None
    assert walks.success.mean == pytest.approx(solved / PROTOCOL.episodes)


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "act"), [(HOPPER, hop), (MAZE, steer)], ids=["hopper", "maze"])
def test_scoring_twice_gives_the_same_episodes(spec: EnvironmentSpec, act: Act) -> None:
    evaluator = Evaluator(spec, PROTOCOL)
    first, second = _rows(evaluator.evaluate(act)), _rows(evaluator.evaluate(act))
    evaluator.close()
    assert first == second
