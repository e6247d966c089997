import importlib.metadata
import sys

import gymnasium
import pytest

from genpolicy.dataset import EnvironmentSpec
from genpolicy.errors import DataError
from genpolicy.evaluation import environment_named, flatten, make_environment
from genpolicy.evaluation.ogbench_names import OGBenchName

MAZE = "gymnasium_robotics:PointMaze_UMaze-v3"
KEYS = ("observation", "desired_goal")
CUBE = "ogbench:cube-single-play-singletask-v0"
POINT = "ogbench:pointmaze-medium-navigate-singletask-task3-v0"


def test_an_environment_of_gymnasium_brings_its_own_limit():
    assert environment_named("Pendulum-v1") == EnvironmentSpec(id="Pendulum-v1", horizon=200)


def test_a_horizon_stands_in_place_of_the_limit():
    assert environment_named("Pendulum-v1", 9).horizon == 9
    assert environment_named(POINT, 9).horizon == 9


@pytest.mark.parametrize("name", [MAZE, MAZE.partition(":")[2]])
def test_a_known_packages_environment_is_found_with_and_without_its_module(name):
    spec = environment_named(name)
    assert spec == EnvironmentSpec(id=MAZE, observation_keys=KEYS, horizon=300)
    assert spec.answers_to(name)


def test_a_goal_observation_is_flattened_as_minaris_are():
    spec = environment_named(MAZE, 5)
    environment = make_environment(spec)
    seen, _ = environment.reset(seed=0)
    environment.close()
    assert flatten(spec, seen).tolist() == pytest.approx(
        [*seen["observation"], *seen["desired_goal"]]
    )


@pytest.mark.slow
def test_a_single_task_of_ogbench_is_made_by_ogbench():
    version = importlib.metadata.version("ogbench")
    spec = environment_named(CUBE)
    assert spec == EnvironmentSpec(
        id=CUBE.partition(":")[2], horizon=200, factory="ogbench", version=version
    )
    environment = make_environment(spec)
    assert environment.spec is not None
    assert environment.unwrapped.spec.id == "cube-single-singletask-v0"
    environment.close()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Hoper-v5", "no environment 'Hoper-v5'; the nearest names are Hopper-v5"),
        ("Zzzqqq", "put the module that registers it before a colon"),
        ("gymnasium_robotics:PointMaze_Umaz-v3", "the nearest names are PointMaze_UMaze-v3"),
        ("no_such_module:Robot-v0", "`pip install no-such-module` may help"),
        ("FrozenLake-v1", r"observes Discrete\(16\); only arrays and dictionaries"),
        ("ogbench:cube-single-play-v0", "such as ogbench:cube-single-play-singletask-task1-v0"),
        ("ogbench:cube-singel-play-singletask-v0", "nearest are cube-single-play-singletask-v0"),
        ("ogbench:visual-cube-single-play-v0", "observes pixels"),
        ("ogbench:cube", "names read like cube-single-play-v0 .* got 'cube'"),
        ("ogbench:cube-single-play-singletask-task6-v0", "names read like"),
    ],
)
def test_what_cannot_be_had_is_refused_in_words(name, sentence):
    with pytest.raises(DataError, match=sentence):
        environment_named(name)


def test_an_environment_without_a_limit_asks_for_a_horizon(monkeypatch):
    entry = gymnasium.registry["Pendulum-v1"]
    gymnasium.register("Endless-v0", entry_point=entry.entry_point)
    monkeypatch.setitem(gymnasium.registry, "Endless-v0", gymnasium.registry.pop("Endless-v0"))
    with pytest.raises(DataError, match=r"'Endless-v0' does not say when .* set dataset\.horizon"):
        environment_named("Endless-v0")
    assert environment_named("Endless-v0", 7).horizon == 7


def test_ogbench_missing_is_told_with_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ogbench", None)
    with pytest.raises(DataError, match=r"`pip install 'genpolicy\[ogbench\]'` may help"):
        environment_named(POINT)


@pytest.mark.parametrize("task", [None, 0, 3])
def test_a_name_of_ogbench_is_put_together_as_it_was_taken_to_pieces(task):
    name = OGBenchName("cube-single", "play", "v0", task)
    written = name.data if task is None else name.single
    assert OGBenchName.parse(written) == name
    assert name.environment == "cube-single-v0"
    assert OGBenchName.parse(written).data == "cube-single-play-v0"


def test_of_two_names_the_environments_differ_only_by_the_task():
    name = OGBenchName.parse("puzzle-3x3-play-singletask-task2-v0")
    assert (name.place, name.kind, name.task) == ("puzzle-3x3", "play", 2)
    assert name.registered == "puzzle-3x3-singletask-task2-v0"
