from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from genpolicy.agent import Agent, shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.training.learner import Learner

Make = Callable[..., Agent]


@pytest.fixture
def learnt(small_recipe: Callable[..., AgentRecipe], make_dataset: Callable[..., Dataset]) -> Make:
    """Make the agent of a learner that has not begun, from settings as a user types them."""

    def make(objective: str, *settings: str) -> Agent:
        torch.manual_seed(0)
        data = make_dataset()
        learner = Learner(small_recipe(objective, *settings), shapes_of(data), torch.device("cpu"))
        return learner.agent(learner.recipe.objective.acting_role, data, "run7")

    return make


@pytest.fixture
def make_agent(learnt: Make, tmp_path: Path) -> Make:
    """Make an untrained agent and load it from its folder."""

    def make(objective: str, *settings: str) -> Agent:
        learnt(objective, *settings).save(tmp_path / "agent")
        return Agent.load(tmp_path / "agent")

    return make
