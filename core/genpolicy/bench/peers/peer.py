"""What a peer is: another program that does the same work, where it is installed."""

from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from typing import Any, Generic, TypeVar

import attrs
import torch

from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.composition.assemble import Shapes
from genpolicy.dataset import Batch
from genpolicy.objective import Stage
from genpolicy.training.sampler import Sampler

Work = Callable[[], object]
T = TypeVar("T")


@attrs.frozen(eq=False, kw_only=True)
class Task:
    """One training step, as a peer is to take it.

    Args:
        recipe: What trains.
        stage: The stage.
        shapes: What the agent sees and does.
        device: Where the models live.
        sampler: Draws from the data, as we do.
    """

    recipe: AgentRecipe
    stage: Stage
    shapes: Shapes
    device: torch.device
    sampler: Sampler

    def draw(self) -> Batch:
        """Return a batch of the stage's size."""
        return self.sampler.draw(self.stage.batch_size)

    def named(self, slot: str) -> str | None:
        """Return the full name of the part in a slot, if there is one."""
        chosen = self.recipe.chosen.get(slot)
        return chosen.entry.full_name if chosen else None

    def options(self, slot: str) -> Mapping[str, Any]:
        """Return the options of the part in a slot, as JSON values."""
        options: Mapping[str, Any] = self.recipe.as_json()["parts"][slot]["options"]
        return options

    @property
    def trains(self) -> frozenset[str]:
        """The roles that the step trains."""
        return frozenset(self.stage.learning_rates)

    @property
    def is_plain(self) -> bool:
        """Whether the step is an update by Adam and nothing more that a peer would have to do."""
        train = self.recipe.train
        return not (train.clip_norm or train.ema) and len(self.shapes.action_shape) == 1


@attrs.frozen(eq=False, kw_only=True)
class Peer(Generic[T]):
    """Another program.

    Args:
        name: What it is called in tables.
        package: What is imported of it.
        install: How to get it.
        fits: Whether it does exactly this work, with the same networks, sizes and updates.
        work: Makes ready and returns what does it; imports the program.
    """

    name: str
    package: str
    install: str
    fits: Callable[[T], bool]
    work: Callable[[T], Work]


def ready(peers: Iterable[Peer[T]], task: T) -> tuple[dict[str, Work], tuple[str, ...]]:
    """Return the peers that do a piece of work, and a sentence on each that should and cannot.

    Args:
        peers: All that there are.
        task: The work.
    """
    works: dict[str, Work] = {}
    remarks = []
    for peer in peers:
        if not peer.fits(task):
            continue
        if find_spec(peer.package) is None:
            remarks.append(f"{peer.name} is not installed: {peer.install}")
            continue
        try:
            work = peer.work(task)
            work()
        except Exception as error:  # whatever another program does, the bench goes on without it
            words = (str(error) or type(error).__name__).strip().splitlines()[0]
            remarks.append(f"{peer.name} failed and is left out: {words}")
        else:
            works[peer.name] = work
    return works, tuple(remarks)
