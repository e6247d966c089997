"""Batches that were stopped: where their members meet, and that nothing is lost by it."""

import pytest
import torch

from genpolicy.agent import Agent
from genpolicy.errors import RunError
from genpolicy.observer import Observer
from genpolicy.registry import Registry
from genpolicy.runs import launch
from genpolicy.runs.batch import run_batch
from genpolicy.runs.companions import companions, left_at
from genpolicy.runs.meeting import meeting_of, take_up
from genpolicy.runs.reproduction import repeat
from genpolicy.runs.resumption import resume
from genpolicy.training.checkpoint import State, decode, whole_checkpoints, write_checkpoint
from genpolicy.training.sampler import Sampler

CPU = torch.device("cpu")
SMALL = (
    *("objective.critic_steps=3", "objective.policy_steps=3", "objective.batch_size=4"),
    *("train.checkpoint_seconds=0", "train.looks=0", "train.log_every=1", "dataset.fraction=0.01"),
    *("evaluation.episodes=1", "evaluation.environments=1", "dataset.horizon=2"),
)
pytestmark = pytest.mark.slow


class After(Observer):
    """Does something once a number of checkpoints were written."""

    def __init__(self, checkpoints, act):
        self.left, self.act = checkpoints, act

    def on_artifact(self, record):
        self.left -= 1
        if not self.left:
            self.act()


@pytest.fixture
def registry(tmp_path):
    with Registry.open(tmp_path / "registry.db") as registry:
        yield registry


@pytest.fixture
def begin(small_recipe, registry, tmp_path):
    """Start a batch of three temperatures."""

    def start():
        recipes = [small_recipe("gmpo", *SMALL, f"objective.beta={n}", seed=n) for n in (1, 2, 3)]
        data = recipes[0].chosen["dataset"].recipe.prepare()
        sampler = Sampler(data, CPU)
        return [
            launch.start(
                recipe,
                data,
                registry=registry,
                output=tmp_path / "runs",
                device=CPU,
                sampler=sampler,
            )
            for recipe in recipes
        ]

    return start


def interrupt():
    raise KeyboardInterrupt


def fail():
    raise RunError("it broke")


@pytest.fixture
def interrupted(begin, registry):
    """Return what is recorded of a batch of which the first was saved once more than the others."""
    launches = begin()
    with pytest.raises(KeyboardInterrupt):
        run_batch(launches, [After(5, interrupt)])
    return [registry.run(each.run_id) for each in launches]


def steps(run):
    return list(whole_checkpoints(launch.Path(run.start.directory) / "checkpoints"))


def weights(folder):
    return Agent.load(folder).models.all()["policy"].state_dict()


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def go_on(meeting, registry, catalogue, say=str):
    known = {"registry": registry, "catalogue": catalogue, "device": CPU, "say": say}
    taken = take_up(meeting, **known)
    return run_batch(taken, (), meeting.names, meeting.seed)


def test_members_meet_where_all_of_them_still_stand(interrupted, registry, catalogue, begin):
    assert [steps(run) for run in interrupted] == [[4, 3], [3, 2], [3, 2]]
    meeting = meeting_of(interrupted[2], registry)
    assert meeting.step == 3
    assert [run.id for run in meeting.runs] == [run.id for run in interrupted]
    undisturbed, resumed = run_batch(begin()), go_on(meeting, registry, catalogue)
    for one, other in zip(undisturbed, resumed, strict=True):
        assert same(weights(one.folder), weights(other.folder))
    assert left_at(registry.run(interrupted[0].id)) is None


@pytest.mark.parametrize("lost", range(3))
def test_the_place_of_one_that_failed_is_held(lost, begin, registry, catalogue):
    """The others draw the random numbers that they would have drawn."""
    undisturbed = run_batch(begin())
    launches = begin()
    _begin_with(launches[lost], After(2, fail))
    _begin_with(launches[lost - 1], After(6, interrupt))
    with pytest.raises(KeyboardInterrupt):
        run_batch(launches)
    others = [registry.run(each.run_id) for each in launches]
    assert others.pop(lost).state == "failed"
    del undisturbed[lost]
    meeting = meeting_of(others[0], registry)
    assert [run.id for run in meeting.runs] == [run.id for run in others]
    for one, other in zip(undisturbed, go_on(meeting, registry, catalogue), strict=True):
        assert same(weights(one.folder), weights(other.folder))


def _begin_with(begun, observer):
    begin = begun.begin
    begun.begin = lambda observers=(): begin([*observers, observer])


def test_those_that_stand_apart_go_on_alone(interrupted, registry, catalogue):
    first, second, _ = interrupted
    resume(first, registry=registry, catalogue=catalogue, device=CPU).run()
    assert left_at(registry.run(first.id)) == 4
    assert meeting_of(second, registry, [second.id]) is None
    meeting = meeting_of(second, registry)
    assert [run.id for run in meeting.runs] == [run.id for run in interrupted[1:]]
    registry.remove([first.id])
    assert len(meeting_of(second, registry).runs) == 2


def test_a_run_of_its_own_meets_nobody(begin, registry):
    launches = begin()
    run_batch(launches[:1])
    launches[1].run()
    assert companions(registry.run(launches[1].run_id)) == ()
    assert meeting_of(registry.run(launches[1].run_id), registry) is None


def test_those_without_a_checkpoint_start_anew_together(begin, registry, catalogue):
    launches = begin()
    with pytest.raises(KeyboardInterrupt):
        run_batch(launches, [After(1, interrupt)])
    runs = [registry.run(each.run_id) for each in launches]
    assert [steps(run) for run in runs] == [[1], [], []]
    meeting = meeting_of(runs[0], registry)
    assert meeting.step == 0
    for one, other in zip(run_batch(begin()), go_on(meeting, registry, catalogue), strict=True):
        assert same(weights(one.folder), weights(other.folder))


def test_some_of_those_without_a_checkpoint_start_anew_as_they_began(begin, registry, catalogue):
    """Their random numbers begin with the first of all, who need not be among them."""
    launches, said = begin(), list[str]()
    with pytest.raises(KeyboardInterrupt):
        run_batch(launches, [After(1, interrupt)])
    others = [registry.run(each.run_id) for each in launches[1:]]
    meeting = meeting_of(others[0], registry, [each.id for each in others])
    assert (meeting.step, meeting.seed) == (0, 1)
    resumed = go_on(meeting, registry, catalogue, said.append)
    for one, other in zip(run_batch(begin())[1:], resumed, strict=True):
        assert same(weights(one.folder), weights(other.folder))
    assert not any("whose seed" in each for each in said)


def test_that_the_first_is_gone_is_said_to_those_that_start_anew(begin, registry, catalogue):
    launches, said = begin(), list[str]()
    with pytest.raises(KeyboardInterrupt):
        run_batch(launches, [After(1, interrupt)])
    first, second, _ = [each.run_id for each in launches]
    registry.remove([first])
    meeting = meeting_of(registry.run(second), registry)
    assert (meeting.step, meeting.seed, len(meeting.runs)) == (0, None, 2)
    ended = go_on(meeting, registry, catalogue, said.append)
    assert all(isinstance(each, launch.RunResult) for each in ended)
    expected = (
        f"run {first}, whose seed began the random numbers of all, is no longer in the registry: "
        "those that start anew draw others than they would have"
    )
    assert said.count(expected) == 1


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_those_of_other_random_numbers_do_not_meet(device, interrupted, registry):
    for values, meets in (((7, 7, 7), True), ((7, 7, 8), False)):
        for value, run in zip(values, interrupted, strict=True):
            numbers = torch.full((8,), value, dtype=torch.uint8)
            _put(run, 3, f"random/{device}", numbers)
        assert (meeting_of(interrupted[0], registry) is not None) == meets


def _put(run, step, name, tensor):
    """Let the checkpoint of a step hold a tensor."""
    folder = launch.Path(run.start.directory) / "checkpoints"
    state = decode(whole_checkpoints(folder)[step])
    write_checkpoint(folder, step, State({**state.tensors, name: tensor}, state.facts))


def test_a_repetition_is_of_the_whole_batch_or_says_what_is_gone(
    begin, registry, catalogue, tmp_path
):
    launches, said = begin(), list[str]()
    results = run_batch(launches)
    run = registry.run(launches[1].run_id)
    known = {"registry": registry, "catalogue": catalogue, "device": CPU, "output": tmp_path}
    again, _ = repeat(run, **known, say=said.append)
    assert [each.parent for each in again] == [each.run_id for each in launches]
    for one, other in zip(results, run_batch(again), strict=True):
        assert same(weights(one.folder), weights(other.folder))
    assert said == []
    registry.remove([launches[0].run_id])
    (alone,), _ = repeat(run, **known, say=said.append)
    alone.failed(KeyboardInterrupt())
    assert f"no longer in the registry ({launches[0].run_id}): alone, it can only" in said[0]


def test_a_run_that_left_its_batch_is_repeated_alone(interrupted, registry, catalogue, tmp_path):
    first, said = interrupted[0], list[str]()
    resume(first, registry=registry, catalogue=catalogue, device=CPU).run()
    run = registry.run(first.id)
    (alone,), _ = repeat(
        run, registry=registry, catalogue=catalogue, device=CPU, output=tmp_path, say=said.append
    )
    alone.failed(KeyboardInterrupt())
    assert "trained as one program with others, and alone from step 4 on" in said[0]
