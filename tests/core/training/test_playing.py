import itertools
from collections.abc import Iterator

import numpy as np
import pytest

import drifting  # noqa: F401  registers the environments
from genpolicy.dataset import EnvironmentSpec, Floats
from genpolicy.errors import RunError
from genpolicy.evaluation.environment import make_environment
from genpolicy.training.playing import Playing, Step, episode_seed


def _playing(name: str = "Drift", horizon: int = 6, **options: int) -> Playing:
    spec = EnvironmentSpec(id=f"drifting/{name}-v0", horizon=horizon)
    return Playing(spec, make_environment(spec), 0, **options)


def _actions(count: int, size: float = 1.0) -> Iterator[Floats]:
    random = np.random.default_rng(3)
    yield from random.uniform(-size, size, (count, 2)).astype(np.float32)


def _played(playing: Playing, count: int) -> list[Step]:
    return [playing.step(action) for action in _actions(count)]


def test_steps_of_an_episode_follow_one_another_and_the_next_begins_elsewhere() -> None:
    steps = _played(_playing(), 13)
    for step, following in itertools.pairwise(steps):
        same = np.array_equal(step.next_observation, following.observation)
        assert same == (not step.is_last)
    assert [index for index, step in enumerate(steps) if step.is_last] == [5, 11]
    assert not np.array_equal(steps[0].observation, steps[6].observation)


def test_a_cut_is_no_end_and_an_end_is_no_cut() -> None:
    cut = _played(_playing(), 6)[-1]
    assert (cut.terminal, cut.timeout) == (False, True)
    playing, out = _playing(horizon=50), np.ones(2, np.float32)
    steps = [playing.step(out) for _ in range(9)]
    last = next(step for step in steps if step.is_last)
    assert (last.terminal, last.timeout) == (True, False)
    both = _playing(horizon=1 + steps.index(last))
    assert [both.step(out) for _ in range(9)][steps.index(last)].timeout is False


def test_every_episode_has_a_seed_of_its_own_that_no_evaluation_has() -> None:
    seeds = {episode_seed(run, episode) for run in range(20) for episode in range(50)}
    assert len(seeds) == 1000
    assert min(seeds) >= 2**31
    assert max(seeds) < 2**32


def test_an_episode_is_played_again_to_where_it_was() -> None:
    playing = _playing()
    before = _played(playing, 10)
    again = _playing(episode=playing.episode)
    steps = again.come_back(playing.taken, playing.observation)
    assert steps is not None
    assert len(steps) == 4
    for one, other in zip(steps, before[6:], strict=True):
        assert np.array_equal(one.next_observation, other.next_observation)
        assert one.reward == other.reward
    one, other = (each.step(np.zeros(2, np.float32)) for each in (playing, again))
    assert np.array_equal(one.next_observation, other.next_observation)


def test_a_simulator_that_takes_another_course_begins_the_next_episode() -> None:
    playing = _playing("Remembering")
    _played(playing, 10)
    again = _playing("Remembering", episode=playing.episode)
    again._environment.unwrapped.np_random.normal()
    assert again.come_back(playing.taken, playing.observation) is None
    assert again.episode == playing.episode + 1
    assert again.taken.shape == (0, 2)


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(RunError) as caught:
        _played(_playing("Breaking"), 5)
    assert str(caught.value) == (
        "environment 'drifting/Breaking-v0' gave an observation or a reward that is not finite in "
        "step 5 of online episode 1; nothing can be learnt from it"
    )
