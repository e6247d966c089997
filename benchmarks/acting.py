"""What acting costs: `Agent.act` beside ONNX Runtime and beside the matrix products alone.

    python benchmarks/acting.py [ROUNDS]

A flow with a 3 x 256 perceptron, 10 Euler steps, 17 observed numbers, 6 of action; one thread. All
are called in turn, a few times in a row as one who acts does, so that whatever else the machine
does meets all of them; medians in microseconds per call, and the median over rounds of each one's
time over ONNX Runtime's of the same round.
Needs the extra `onnx` and onnxruntime.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from genpolicy.agent import Agent
from genpolicy.composition.assemble import Shapes, build_acting
from genpolicy.composition.layers import from_arguments
from genpolicy.composition.resolve import resolve
from genpolicy.discovery import load_catalogue
from genpolicy.export import export

OBSERVATION, ACTION, HIDDEN, STEPS = 17, 6, 256, 10
IN_A_ROW = 5
BATCHES = (1, 10, 64, 256, 1024)
SETTINGS = ("backbone=flow", "objective=bc", f"solver=euler:{STEPS}", "network=mlp")


def main() -> None:
    torch.set_num_threads(1)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    agent = make_agent()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.onnx"
        export(agent, path, form="onnx")
        session = onnxruntime.InferenceSession(path, one_thread())
    print("| batch | | µs | over ONNX Runtime's |\n|---|---|---|---|")
    for batch in BATCHES:
        measure(batch, ways(agent, session, batch), rounds if batch < 256 else rounds // 10)


def make_agent() -> Agent:
    arguments = (*SETTINGS, "dataset=toy/two-moons", f"network.hidden={HIDDEN},{HIDDEN},{HIDDEN}")
    recipe = resolve(load_catalogue(), [from_arguments(arguments)], recipe="none")
    box = np.ones(ACTION, np.float32)
    shapes = Shapes(
        observation_dim=OBSERVATION, action_shape=(ACTION,), action_low=-box, action_high=box
    )
    torch.manual_seed(0)
    models = build_acting(recipe, shapes, torch.device("cpu"))
    for model in models.all().values():
        model.eval().requires_grad_(False)  # as that of an agent that was loaded
    return Agent(models, shapes, -box, box)


def one_thread() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return options


def ways(
    agent: Agent, session: onnxruntime.InferenceSession, batch: int
) -> dict[str, Callable[[], object]]:
    """Return the ways to decide on a batch, none of which shares work with another."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((batch, OBSERVATION), np.float32)
    noise = rng.standard_normal((batch, ACTION), np.float32)
    given = rows[0] if batch == 1 else rows
    found: dict[str, Callable[[], object]] = {
        "ONNX Runtime": lambda: session.run(None, {"observation": rows, "noise": noise}),
        "`Agent.act`": lambda: agent.act(given),
        "matrix products alone": products(batch),
    }
    if batch == 1:  # a batch of one is what no captured graph serves
        found["`Agent.act`, eager"] = lambda: agent.act(rows)
    return found


def products(batch: int) -> Callable[[], object]:
    """Return the matrix products of a decision, and nothing else of it."""
    widths = (ACTION, HIDDEN, HIDDEN, HIDDEN, ACTION)
    layers = [torch.randn(a, b) for a, b in pairwise(widths)]
    encode, observation = torch.randn(OBSERVATION, HIDDEN), torch.randn(batch, OBSERVATION)
    inputs = [torch.randn(batch, width) for width in widths[:-1]]

    @torch.inference_mode()
    def multiply() -> None:
        observation @ encode
        for _ in range(STEPS):
            for x, layer in zip(inputs, layers, strict=True):
                x @ layer

    return multiply


def measure(batch: int, calls: dict[str, Callable[[], object]], rounds: int) -> None:
    for call in calls.values():
        for _ in range(20):  # a captured graph comes after a few
            call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            begin = time.perf_counter()
            for _ in range(IN_A_ROW):
                call()
            seconds[name].append((time.perf_counter() - begin) / IN_A_ROW)
    for name, found in seconds.items():
        ratio = statistics.median(
            a / b for a, b in zip(found, seconds["ONNX Runtime"], strict=True)
        )
        print(f"| {batch} | {name} | {1e6 * statistics.median(found):.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
