"""Measures the reference returns of a maze under the evaluation protocol."""

import attrs
import torch

from genpolicy.dataset import Floats
from genpolicy.evaluation import Act, Protocol, evaluate, make_environment
from genpolicy.records import EvaluationRecord
from genpolicy_plugins.datasets.controller import WaypointController
from genpolicy_plugins.datasets.generator import NOISE
from genpolicy_plugins.datasets.mazes import Maze


def measure_reference(maze: Maze, protocol: Protocol | None = None) -> dict[str, EvaluationRecord]:
    """Score the reference policies of a maze.

    Args:
        maze: Which maze.
        protocol: The episodes to score them on; the default protocol's first 1000 if ``None``.

    Returns:
        ``"random"``, actions drawn uniformly from the box (score 0); ``"controller"``, which made
        the data, noise included, left running; ``"expert"``, the same without noise (score 100).

    Raises:
        DataError: The environment cannot be made.
    """
    protocol = protocol or Protocol(episodes=1000)
    return {
        "random": evaluate(_random, maze.scored, protocol),
        "controller": _score(_controller(maze, NOISE), maze, protocol),
        "expert": _score(_controller(maze, 0.0), maze, protocol),
    }


def _score(controller: Act, maze: Maze, protocol: Protocol) -> EvaluationRecord:
    """Score a controller, which remembers its way and so plays one episode after another.

    The episodes are the protocol's own, so its label stands.
    """
    record = evaluate(controller, maze.scored, attrs.evolve(protocol, environments=1))
    return attrs.evolve(record, protocol=protocol.label)


def _random(observation: Floats, generator: torch.Generator) -> Floats:
    uniform = torch.rand(len(observation), 2, generator=generator)
    return (2.0 * uniform - 1.0).numpy()


def _controller(maze: Maze, noise: float) -> Act:
    environment = make_environment(maze.scored)
    controller = WaypointController(environment.unwrapped.maze)  # type: ignore[attr-defined]
    environment.close()

    def act(observation: Floats, generator: torch.Generator) -> Floats:
        force = controller.force(observation[0, :4], observation[0, 4:])
        noises = noise * torch.randn(2, generator=generator, dtype=torch.float64).numpy()
        return (force + noises).clip(-1.0, 1.0).astype("float32")[None]

    return act
