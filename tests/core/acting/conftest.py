from collections.abc import Callable

import pytest
import torch

from genpolicy.agent import Agent, shapes_of
from genpolicy.dataset import Dataset
from genpolicy.training.learner import Learner

Make = Callable[..., Agent]


@pytest.fixture
def make_agent(small_recipe: Callable[..., object], make_dataset: Callable[..., Dataset]) -> Make:
    """Make an untrained agent that acts, from settings as a user types them."""

    def make(objective: str, *settings: str) -> Agent:
        torch.manual_seed(0)
        data = make_dataset()
        learner = Learner(small_recipe(objective, *settings), shapes_of(data), torch.device("cpu"))
        agent = learner.agent(learner.recipe.objective.acting_role, data, "run7")
        for model in agent.models.all().values():
            model.eval().requires_grad_(False)
        return agent

    return make
