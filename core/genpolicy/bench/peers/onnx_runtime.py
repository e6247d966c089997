"""ONNX Runtime: the agent exported to a graph, acting on the same observations.

Compared is `Agent.act` with a call of the session on observations and noise that are ready; as many
threads as torch has, on the CPU. Our side draws its noise, ONNX Runtime is given it.
"""

import tempfile
from pathlib import Path

import attrs
import numpy as np
import torch

from genpolicy.agent import Agent
from genpolicy.bench.peers.peer import Peer, Work
from genpolicy.columns import Floats
from genpolicy.export import export


@attrs.frozen(eq=False)
class Acting:
    """An agent and what it is to act on.

    Args:
        agent: The agent.
        observation: ``[batch, observation]``.
    """

    agent: Agent
    observation: Floats


def _fits(acting: Acting) -> bool:
    return acting.agent.device.type == "cpu"


def _work(acting: Acting) -> Work:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.onnx"
        widths = export(acting.agent, path, form="onnx")["inputs"]
        session = onnxruntime.InferenceSession(path.read_bytes(), options)
    rows, random = len(acting.observation), np.random.default_rng(0)
    inputs = {name: random.random((rows, width), np.float32) for name, (_, width) in widths.items()}
    inputs["observation"] = acting.observation
    taken = {each.name for each in session.get_inputs()}  # a policy may ask for no noise
    given = {name: values for name, values in inputs.items() if name in taken}
    return lambda: session.run(None, given)


PEER = Peer(
    name="onnxruntime",
    package="onnxruntime",
    install="pip install onnxruntime",
    fits=_fits,
    work=_work,
)
