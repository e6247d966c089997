"""Other programs that do the same work, one small adapter each.

An adapter says what is compared, and does not fit where that would be unequal.
"""

from typing import Final

from genpolicy.agent import Agent
from genpolicy.bench.peers import d3rlpy_updates, onnx_runtime, torchrl_iql
from genpolicy.bench.peers.onnx_runtime import Acting
from genpolicy.bench.peers.peer import Peer, Task, Work, ready
from genpolicy.columns import Floats

TRAINING: Final[tuple[Peer[Task], ...]] = (d3rlpy_updates.PEER, torchrl_iql.PEER)
ACTING: Final[tuple[Peer[Acting], ...]] = (onnx_runtime.PEER,)

__all__ = ["ACTING", "TRAINING", "Acting", "Peer", "Task", "acting_peers", "training_peers"]


def training_peers(task: Task) -> tuple[dict[str, Work], tuple[str, ...]]:
    """Return the programs that take the same step, and a sentence on each that cannot."""
    return ready(TRAINING, task)


def acting_peers(agent: Agent, observation: Floats) -> tuple[dict[str, Work], tuple[str, ...]]:
    """Return the programs that act alike, and a sentence on each that cannot."""
    return ready(ACTING, Acting(agent, observation))
