import attrs
import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from genpolicy.dataset import Dataset, EnvironmentSpec, Reference
from genpolicy.errors import DataError, RunError
from genpolicy.evaluation import Evaluator, Protocol, evaluate, flatten, make_environment

MAZE = EnvironmentSpec(
    id="gymnasium_robotics:PointMaze_UMaze-v3",
    kwargs={"continuing_task": True, "reset_target": False},
    observation_keys=("observation", "desired_goal"),
    horizon=40,
)
FUSE = EnvironmentSpec(id="Fuse-v0", horizon=12)


class Fuse(gymnasium.Env):
    """Burns down by what the action adds; episodes differ in length, and some are cut."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = float(self.np_random.uniform(0.5, 20.0))
        self.burnt = 0
        return self._see(), {}

    def step(self, action):
        self.left -= 1.0 + 0.5 * float(action[0])
        self.burnt += 1
        over = self.left <= 0
        return self._see(), float(self.left), over, False, {"is_success": over}

    def _see(self):
        return np.array([self.left, self.burnt], np.float32)


gymnasium.register("Fuse-v0", entry_point=Fuse)


def scripted(observation, generator):
    action = np.sin(3.0 * observation[:, :1] + observation[:, 1:2])
    return np.repeat(action, 2, axis=1).astype(np.float32)


def short(observation, generator):
    return scripted(observation, generator)[:, :1]


def noisy(observation, generator):
    return (2 * torch.rand(len(observation), 2, generator=generator) - 1).numpy()


def naive(act, spec, protocol):
    """One environment, one episode after the other, as one would write it first."""
    environment = make_environment(spec)
    episodes = []
    for seed in range(protocol.seed, protocol.seed + protocol.episodes):
        observation, _ = environment.reset(seed=seed)
        total, length, solved, over = 0.0, 0, None, False
        while not over:
            action = act(flatten(spec, observation)[None], None)[0]
            observation, reward, terminal, timeout, info = environment.step(action)
            total, length, over = total + float(reward), length + 1, terminal or timeout
            if (info.get("success") or info.get("is_success")) and solved is None:
                solved = length
        episodes.append((total, length, solved is not None, solved, seed))
    environment.close()
    return episodes


def rows(record):
    return [attrs.astuple(episode) for episode in record.episodes]


@pytest.mark.parametrize(("act", "spec"), [(scripted, MAZE), (short, FUSE)])
@pytest.mark.parametrize("environments", [1, 3, 20])
def test_every_episode_is_the_one_a_naive_loop_plays(act, spec, environments):
    protocol = Protocol(episodes=7, environments=environments, seed=11)
    assert rows(evaluate(act, spec, protocol)) == naive(act, spec, protocol)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_first_episodes_agree_with_gymnasiums_vector_environment_in_each_autoreset_mode(mode):
    protocol = Protocol(episodes=5, environments=5, seed=3)
    vector = SyncVectorEnv([lambda: make_environment(FUSE)] * 5, autoreset_mode=mode)
    observation, _ = vector.reset(seed=list(range(3, 8)))
    returns, lengths, running = np.zeros(5), np.zeros(5, int), np.ones(5, bool)
    while running.any():
        observation, reward, terminal, timeout, _ = vector.step(short(observation, None))
        returns += running * reward
        lengths += running
        over = terminal | timeout
        running &= ~over
        if mode is AutoresetMode.DISABLED and over.any():
            observation, _ = vector.reset(options={"reset_mask": over})
    record = evaluate(short, FUSE, protocol)
    assert [episode.return_ for episode in record.episodes] == pytest.approx(list(returns))
    assert [episode.length for episode in record.episodes] == list(lengths)


def test_episodes_end_early_and_are_cut_in_the_test_environment():
    lengths = [row[1] for row in naive(short, FUSE, Protocol(episodes=20, seed=0))]
    assert min(lengths) < 6
    assert max(lengths) == FUSE.horizon


def test_short_episodes_do_not_crowd_out_long_ones():
    protocol = Protocol(episodes=40, environments=8, seed=5)
    assert [row[4] for row in rows(evaluate(short, FUSE, protocol))] == list(range(5, 45))


def test_scoring_twice_gives_the_same_numbers():
    evaluator = Evaluator(MAZE, Protocol(episodes=6, environments=4))
    first, second = evaluator.evaluate(noisy), evaluator.evaluate(noisy)
    evaluator.close()
    assert rows(first) == rows(second)
    assert rows(first) == rows(evaluate(noisy, MAZE, Protocol(episodes=6, environments=4)))


def test_another_seed_gives_other_episodes():
    one = evaluate(short, FUSE, Protocol(episodes=6))
    other = evaluate(short, FUSE, Protocol(episodes=6, seed=1))
    assert [row[0] for row in rows(one)] != [row[0] for row in rows(other)]


def test_the_batch_never_exceeds_the_protocols_environments():
    widths = []

    def act(observation, generator):
        widths.append(len(observation))
        assert observation.dtype == np.float32
        return short(observation, generator)

    evaluate(act, FUSE, Protocol(episodes=10, environments=4))
    assert max(widths) == 4


def test_a_record_says_how_it_was_made():
    reference = Reference(random_return=1.0, expert_return=3.0, source="us")
    record = evaluate(
        short,
        FUSE,
        Protocol(name="brief", episodes=2, seed=9),
        reference=reference,
        stage="policy",
        step=50,
        selection="last",
    )
    assert (record.stage, record.step, record.selection) == ("policy", 50, "last")
    assert (record.protocol, record.seed) == ("brief[episodes=2,seed=9]", 9)
    assert (record.random_return, record.expert_return) == (1.0, 3.0)
    assert record.environment == FUSE.as_json()
    assert record.seconds > 0


def test_a_protocol_is_called_by_its_name_and_what_was_changed():
    assert Protocol().label == "default"
    assert Protocol(name="long", episodes=100).label == "long"
    assert Protocol(episodes=5).label == "default[episodes=5]"
    assert Protocol(name="x", seed=1, environments=3).label == "x[environments=3,seed=1]"


def test_success_is_unknown_where_the_environment_does_not_tell():
    pendulum = EnvironmentSpec(id="Pendulum-v1", horizon=5)
    record = evaluate(short, pendulum, Protocol(episodes=2))
    assert [(row.success, row.steps_to_success) for row in record.episodes] == [(None, None)] * 2


def test_actions_that_are_not_finite_are_refused():
    def broken(observation, generator):
        return np.full((len(observation), 1), np.nan, np.float32)

    with pytest.raises(RunError, match="actions are not finite"):
        evaluate(broken, FUSE, Protocol(episodes=1))


def in_chunks_of(length, act):
    """A policy that plans ``length`` actions at once, which differ from one another."""

    def chunks(observation, generator):
        shift = 0.3 * np.arange(length, dtype=np.float32)[:, None]
        return np.clip(act(observation, generator)[:, None] + shift, -1, 1).astype(np.float32)

    return chunks


def naive_chunks(act, spec, protocol):
    """As ``naive``, playing every chunk to its end."""
    left = []

    def one(observation, generator):
        if observation[0, 1] == 0:
            left.clear()  # Fuse counts its steps: another episode begins
        if not left:
            left.extend(act(observation, generator)[0])
        return left.pop(0)[None]

    return naive(one, spec, protocol)


@pytest.mark.parametrize("environments", [1, 3, 20])
@pytest.mark.parametrize("length", [1, 3, 5, 40])
def test_a_chunk_is_played_to_its_end_before_the_next(environments, length):
    protocol = Protocol(episodes=7, environments=environments, seed=11)
    act = in_chunks_of(length, short)
    assert rows(evaluate(act, FUSE, protocol)) == naive_chunks(act, FUSE, protocol)


def test_a_policy_is_asked_once_per_chunk_and_of_the_lanes_that_wait():
    widths = []

    def act(observation, generator):
        widths.append(len(observation))
        return np.zeros((len(observation), 5, 1), np.float32)

    spec = attrs.evolve(FUSE, id="Pendulum-v1", horizon=12)
    evaluate(act, spec, Protocol(episodes=4, environments=2))
    assert widths == [2, 2, 2] * 2  # after steps 0, 5 and 10 of each episode


def test_chunks_of_one_action_draw_the_same_random_numbers_as_plain_actions():
    protocol = Protocol(episodes=6, environments=4)
    plain = evaluate(noisy, MAZE, protocol)
    chunked = evaluate(lambda *seen: noisy(*seen)[:, None], MAZE, protocol)
    assert rows(plain) == rows(chunked)


def test_a_dataset_of_chunks_fits_the_environment_of_its_actions():
    chunks = attrs.evolve(dataset(), action=np.zeros((3, 4, 1), np.float32))
    evaluator = Evaluator.of(chunks, Protocol(episodes=1))
    record = evaluator.evaluate(in_chunks_of(4, short))
    evaluator.close()
    assert len(record.episodes) == 1
    with pytest.raises(DataError, match=r"takes actions of shape \(1,\); .* holds .* \(4, 2\)"):
        Evaluator.of(
            attrs.evolve(dataset(action=2), action=np.zeros((3, 4, 2), np.float32)), Protocol()
        )


def dataset(observation=2, action=1, environment=FUSE):
    return Dataset(
        name="sparks",
        observation=np.zeros((3, observation), np.float32),
        action=np.zeros((3, action), np.float32),
        reward=np.zeros(3, np.float32),
        next_observation=np.zeros((3, observation), np.float32),
        terminal=np.zeros(3, bool),
        timeout=np.ones(3, bool),
        action_low=-np.ones(action, np.float32),
        action_high=np.ones(action, np.float32),
        environment=environment,
        reference=Reference(random_return=0.0, expert_return=1.0, source="us"),
    )


def test_an_evaluator_of_a_dataset_uses_its_environment_and_reference():
    evaluator = Evaluator.of(dataset(), Protocol(episodes=2))
    record = evaluator.evaluate(short)
    evaluator.close()
    assert (len(record.episodes), record.expert_return) == (2, 1.0)


def test_a_dataset_without_environment_cannot_be_scored():
    with pytest.raises(DataError, match="'sparks' names no environment"):
        Evaluator.of(dataset(environment=None), Protocol())


@pytest.mark.parametrize("sizes", [{"observation": 3}, {"action": 2}])
def test_an_environment_of_other_sizes_than_the_data_is_refused(sizes):
    with pytest.raises(DataError, match=r"'Fuse-v0' gives observations of shape \(2,\) and"):
        Evaluator.of(dataset(**sizes), Protocol())


def test_closing_closes_every_environment(monkeypatch):
    closed = []
    monkeypatch.setattr(Fuse, "close", lambda self: closed.append(self))
    evaluator = Evaluator(FUSE, Protocol(episodes=3, environments=5))
    evaluator.evaluate(short)
    evaluator.close()
    evaluator.close()
    assert len(set(closed)) == len(closed) == 3
