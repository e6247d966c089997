"""Act from an exported agent: python act_with_onnxruntime.py agent.onnx

The file is what `agent export RUN --out agent.onnx` wrote; onnxruntime and NumPy are all it takes.
"""

import sys

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1])
inputs = {each.name: each.shape for each in session.get_inputs()}
rng = np.random.default_rng(0)
draw = {"noise": rng.standard_normal, "uniform": rng.random}  # mean 0, deviation 1; or in [0, 1)


def act(observation):
    """Return actions, [batch, *action], for observations, [batch, observation]."""
    given = {"observation": np.asarray(observation, np.float32)}
    for name in draw.keys() & inputs.keys():
        given[name] = draw[name]((len(observation), inputs[name][1]), np.float32)
    return session.run(["action"], given)[0]


print(act(np.zeros((3, inputs["observation"][1]))))
