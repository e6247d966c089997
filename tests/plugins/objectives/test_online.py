"""Every objective of ours, from the data to an environment."""

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import torch

import drifting  # noqa: F401  registers the environments
from genpolicy.composition.agent_recipe import BASES
from genpolicy.dataset import Dataset, EnvironmentSpec
from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.errors import FitError
from genpolicy.objective import Objective
from genpolicy.testing.agents import agent_of, small_agent
from genpolicy.training.runner import Runner
from genpolicy_plugins.datasets.pointmaze import UMaze
from genpolicy_plugins.objectives.bc import BC

DataMaker = Callable[..., Dataset]
OPTIONS = {
    "train.online_steps": 3,
    "train.looks": 0,
    "evaluation.episodes": 1,
    "evaluation.environments": 1,
}


def _objectives() -> dict[str, Objective]:
    parts = load_catalogue()
    own = [each for each in parts.parts("objective") if each.distribution == "genpolicy"]
    made = {each.spec.name: parts.load(each, BASES["objective"])() for each in own}
    return {name: each for name, each in made.items() if isinstance(each, Objective)}


OBJECTIVES = _objectives()


def _learns_online(objective: Objective, data: Dataset, folder: Path) -> None:
    """Train from the data and then online, and see that every role learnt there."""
    recipe = small_agent(objective, OPTIONS, steps=1)
    runner = Runner(recipe, data, run="r", folder=folder, device=torch.device("cpu"))
    roles = [*runner.stages[-1].learning_rates]
    assert set(roles) == {role for stage in runner.stages for role in stage.learning_rates}
    before: dict[str, list[torch.Tensor]] = {}
    enter = runner.learner.enter

    def entering(number: int, stage: object) -> object:
        for role in roles if number == len(runner.stages) - 1 else ():
            weights = runner.learner.models.trainable(role).parameters()
            before[role] = [weight.detach().clone() for weight in weights]
        return enter(number, stage)  # type: ignore[arg-type]

    runner.learner.enter = entering  # type: ignore[method-assign, assignment]
    outcome = runner.run([])
    assert outcome.offline is not None
    assert outcome.evaluation is not None
    for role in roles:
        now = runner.learner.models.trainable(role).parameters()
        pairs = zip(before[role], now, strict=True)
        assert any(not torch.equal(one, other) for one, other in pairs), role


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in OBJECTIVES if name != "bc"])
def test_an_objective_learns_online_as_well(
    name: str, make_dataset: DataMaker, tmp_path: Path
) -> None:
    place = EnvironmentSpec(id="drifting/Drift-v0", horizon=4)
    data = attrs.evolve(make_dataset(), environment=place)
    _learns_online(OBJECTIVES[name], data, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gmpo", "iql", "fql", "td3-bc", "diffusion-ql", "gtp"])
def test_an_objective_learns_online_in_a_maze(name: str, tmp_path: Path) -> None:
    data = UMaze().load()
    assert data.environment is not None
    data = attrs.evolve(data, environment=attrs.evolve(data.environment, horizon=5))
    _learns_online(OBJECTIVES[name], data, tmp_path)


def test_imitation_alone_learns_nothing_from_acting() -> None:
    with pytest.raises(FitError) as caught:
        agent_of(BC(), {"train.online_steps": 10})
    assert str(caught.value) == (
        "bc learns nothing from acting, so that train.online_steps=10 is of no use to it; leave it "
        "out, or take an objective with a critic"
    )


def test_a_warmup_leaves_steps_to_learn_in() -> None:
    with pytest.raises(FitError) as caught:
        agent_of(OBJECTIVES["iql"], {"train.online_steps": 10, "train.online_warmup": 10})
    assert str(caught.value) == (
        "train.online_warmup=10 leaves none of the 10 online steps to learn in; lower it"
    )
