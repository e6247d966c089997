import attrs
import gymnasium
import numpy as np
import pytest
import torch

from genpolicy.dataset import Dataset, EnvironmentSpec
from genpolicy.errors import DataError
from genpolicy.evaluation import Protocol
from genpolicy.evaluation.baselines import FROM_DATA, behaviour, score_random, uniform

PENDULUM = EnvironmentSpec(id="Pendulum-v1", horizon=5)


def walked(rewards, *, ends, terminal=()):
    """Return data with these rewards, whose episodes end at these rows."""
    count = len(rewards)
    timeout = np.isin(np.arange(count), [row for row in ends if row not in terminal])
    return Dataset(
        name="walked",
        observation=np.arange(count, dtype=np.float32)[:, None],
        action=np.zeros((count, 1), np.float32),
        reward=np.array(rewards, np.float32),
        next_observation=np.arange(1.0, count + 1, dtype=np.float32)[:, None],
        terminal=np.isin(np.arange(count), terminal),
        timeout=timeout,
        action_low=np.full(1, -1.0, np.float32),
        action_high=np.ones(1, np.float32),
        environment=PENDULUM,
    )


def test_uniform_actions_fill_their_box_evenly():
    low, high = np.array([-1.0, 0.0], np.float32), np.array([1.0, 10.0], np.float32)
    act = uniform(low, high)
    drawn = act(np.zeros((20_000, 3), np.float32), torch.Generator().manual_seed(0))
    assert drawn.shape == (20_000, 2)
    assert ((low <= drawn) & (drawn <= high)).all()
    assert drawn.mean(axis=0) == pytest.approx([0.0, 5.0], abs=0.1)
    assert drawn.std(axis=0) == pytest.approx([2 / 12**0.5, 10 / 12**0.5], rel=0.02)


def test_random_actions_are_scored_in_the_environments_own_box():
    """Pendulum takes torques up to 2, whatever box data of it may have."""
    record = score_random(PENDULUM, Protocol(episodes=3, environments=1, seed=4))
    environment = gymnasium.make("Pendulum-v1", max_episode_steps=5)
    generator, returns = torch.Generator().manual_seed(4), []
    for seed in (4, 5, 6):
        environment.reset(seed=seed)
        steps = [torch.rand(1, 1, generator=generator).numpy()[0] for _ in range(5)]
        returns.append(sum(environment.step(4 * share - 2)[1] for share in steps))
    assert [each.return_ for each in record.episodes] == pytest.approx(returns, rel=1e-4)
    assert record.protocol == "default[episodes=3,environments=1,seed=4]"


def test_actions_that_are_no_numbers_between_bounds_cannot_be_drawn():
    with pytest.raises(DataError, match=r"takes actions Discrete\(2\); uniform actions need numb"):
        score_random(EnvironmentSpec(id="CartPole-v1", horizon=5), Protocol(episodes=1))


def test_the_behaviour_is_what_the_datas_episodes_came_to():
    data = walked([1, 2, 3, 4, 5, 6], ends=[1, 4, 5], terminal=[4])
    record = behaviour(data)
    assert [each.return_ for each in record.episodes] == [3.0, 12.0, 6.0]
    assert [each.length for each in record.episodes] == [2, 3, 1]
    assert (record.protocol, record.success) == (FROM_DATA, None)
    assert record.environment == PENDULUM.as_json()


def test_an_unfinished_episode_is_no_episode_unless_it_is_the_only_one():
    data = walked([1, 2, 3], ends=[1])
    assert [each.return_ for each in behaviour(data).episodes] == [3.0]
    alone = attrs.evolve(data, timeout=np.zeros(3, np.bool_))
    assert [each.return_ for each in behaviour(alone).episodes] == [6.0]
