from collections.abc import Callable

import attrs
import numpy as np
import pytest
import torch

from genpolicy.agent import Agent, shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.training.learner import Learner
from genpolicy.transforms import Units
from genpolicy.transforms.units import Affine

Make = Callable[..., Agent]


@pytest.fixture
def make_agent(
    small_recipe: Callable[..., AgentRecipe], make_dataset: Callable[..., Dataset]
) -> Make:
    """Make an untrained agent that acts, from settings as a user types them."""

    def make(objective: str, *settings: str, chunk: int = 0) -> Agent:
        torch.manual_seed(0)
        data = _in_chunks(make_dataset(), chunk) if chunk else make_dataset()
        learner = Learner(small_recipe(objective, *settings), shapes_of(data), torch.device("cpu"))
        agent = learner.agent(learner.recipe.objective.acting_role, data, "run7")
        for model in agent.models.all().values():
            model.eval().requires_grad_(False)
        return agent

    return make


def _in_chunks(data: Dataset, chunk: int) -> Dataset:
    """The data with chunks for actions, and with other numbers than its models see."""
    center, scale = np.full(3, 2.0, np.float32), np.full(3, 0.5, np.float32)
    action = np.full(2, 0.25, np.float32)
    return attrs.evolve(
        data,
        action=np.repeat(data.action[:, None], chunk, axis=1),
        units=Units(observation=Affine.of(center, scale), action=Affine.of(action, 2 * action)),
    )
