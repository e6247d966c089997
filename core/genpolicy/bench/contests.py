"""Everything that can be measured of a recipe."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import torch

from genpolicy.bench.acting import SAMPLES, action_contest, loaded_agent, sample_contest
from genpolicy.bench.start import start_contest
from genpolicy.bench.steps import step_contests
from genpolicy.bench.turns import Contest
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.discovery import Catalogue

WHAT: Final = ("steps", "samples", "act", "start")
"""A step of each stage, samples of the acting policy, one action, a process's first step."""


def contests(
    recipe: AgentRecipe,
    dataset: Dataset,
    device: torch.device,
    catalogue: Catalogue,
    *,
    what: Collection[str] = WHAT,
    samples: int = SAMPLES,
    start: Sequence[str] = (),
) -> Iterator[Contest]:
    """Yield what is to be measured, each made ready when it is asked for.

    Args:
        recipe: The recipe; checked to fit.
        dataset: What it trains on.
        device: Where the models live.
        catalogue: The installed parts.
        what: Which of :data:`WHAT`.
        samples: How many observations the batch of samples has.
        start: A process that does what a run does up to its first step, and ends there.

    Raises:
        GenpolicyError: A part fails.
    """
    torch.set_num_threads(recipe.train.threads)
    if "steps" in what:
        yield from step_contests(recipe, dataset, device)
    if "samples" in what or "act" in what:
        agent = loaded_agent(recipe, dataset, device, catalogue)
        if "samples" in what:
            yield sample_contest(agent, samples)
        if "act" in what:
            yield action_contest(agent)
    if "start" in what:
        yield start_contest(start)
