"""Samples of the acting policy and single actions, as a loaded agent gives them."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import torch

from genpolicy.agent import Agent, shapes_of
from genpolicy.bench.floor import Floor
from genpolicy.bench.peers import acting_peers
from genpolicy.bench.turns import FLOOR, OURS, Contender, Contest, timed
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.discovery import Catalogue
from genpolicy.training.learner import Learner

SAMPLES: Final = 1024
"""How many observations a large batch has."""

_WARM: Final = 20  # calls, in which a single observation's decision is captured


def sample_contest(agent: Agent, rows: int = SAMPLES) -> Contest:
    """Return the contest of acting on a batch: its samples per second."""
    return _contest(agent, "samples", rows)


def action_contest(agent: Agent) -> Contest:
    """Return the contest of acting on one observation: what one action takes."""
    return _contest(agent, "one action", 1)


def loaded_agent(
    recipe: AgentRecipe, dataset: Dataset, device: torch.device, catalogue: Catalogue
) -> Agent:
    """Return an agent of fresh weights, saved and loaded as its user has it."""
    torch.manual_seed(recipe.seed)
    learner = Learner(recipe, shapes_of(dataset), device)
    agent = learner.agent(recipe.objective.acting_role, dataset, run="")
    with tempfile.TemporaryDirectory() as folder:
        agent.save(Path(folder))
        return Agent.load(folder, device=device, catalogue=catalogue)


def _contest(agent: Agent, what: str, rows: int) -> Contest:
    observations = _observations(agent, rows)
    act = _acting(agent, observations)
    for _ in range(_WARM if rows == 1 else 1):
        act()
    floor = Floor.of(act)
    peers, remarks = acting_peers(agent, observations)
    device = agent.device
    return Contest(
        what=what,
        amount=rows,
        contenders=[
            Contender(name=OURS, turn=timed(act, device)),
            Contender(name=FLOOR, turn=timed(floor, device)),
            *(Contender(name=name, turn=timed(work, device)) for name, work in peers.items()),
        ],
        batch=rows,
        flops=floor.flops,
        remarks=remarks,
    )


def _acting(agent: Agent, observations: np.ndarray) -> Callable[[], object]:
    given = observations[0] if len(observations) == 1 else observations
    return lambda: agent.act(given)


def _observations(agent: Agent, rows: int) -> np.ndarray:
    random = np.random.default_rng(0)
    return random.standard_normal((rows, agent.shapes.observation_dim), np.float32)
