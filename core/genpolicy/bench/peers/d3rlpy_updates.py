"""d3rlpy: its own whole update of IQL and of TD3+BC, eager as ours.

Compared is a step of the objectives `iql` and `td3-bc`: critic, policy and slow copies, with
perceptrons of the same widths and activations, two action values, Adam, and batches drawn by our
sampler, on the device. TD3+BC's policy trains at every step, as ours does. Its policies end in a
tanh, whether ours do or not, which is no matrix product.
"""

from typing import Any, Final

import torch

from genpolicy.bench.peers.peer import Peer, Task, Work
from genpolicy.dataset import Batch

_ACTIVATIONS: Final = {"relu": "relu", "gelu": "gelu", "tanh": "tanh", "silu": "swish"}


def _fits(task: Task) -> bool:
    known = (_is_iql(task) or _is_td3_bc(task)) and task.is_plain
    if not known or task.named("network") != "genpolicy/mlp":
        return False
    critic, network = task.options("critic"), task.options("network")
    told = {critic["activation"], network["activation"]}
    return told <= _ACTIVATIONS.keys() and not critic["layer_norm"]


def _is_iql(task: Task) -> bool:
    parts = [task.named(slot) for slot in ("objective", "backbone", "critic")]
    whole = parts == ["genpolicy/iql", "genpolicy/gaussian", "genpolicy/iql"]
    return whole and task.options("backbone")["std"] == "shared"


def _is_td3_bc(task: Task) -> bool:
    parts = [task.named(slot) for slot in ("objective", "backbone", "critic")]
    whole = parts == ["genpolicy/td3-bc", "genpolicy/deterministic", "genpolicy/double-q"]
    critic = task.options("critic") if whole else {}
    return whole and critic["candidates"] == 1 and not critic["penalty"]


def _work(task: Task) -> Work:
    import d3rlpy

    config = _iql(d3rlpy, task) if _is_iql(task) else _td3_bc(d3rlpy, task)
    algorithm = config.create(device=str(task.device))
    (action_size,) = task.shapes.action_shape
    algorithm.create_impl((task.shapes.observation_dim,), action_size)
    taken = 0

    def update() -> None:
        nonlocal taken
        algorithm.impl.update(_batch(task.draw(), task.device), taken)
        taken += 1

    return update


def _iql(d3rlpy: Any, task: Task) -> Any:
    objective, critic = task.options("objective"), task.options("critic")
    return d3rlpy.algos.IQLConfig(
        **_shared(d3rlpy, task),
        value_encoder_factory=_encoder(d3rlpy, task, "critic"),
        expectile=critic["expectile"],
        weight_temp=objective["beta"],
        max_weight=objective["max_weight"],
    )


def _td3_bc(d3rlpy: Any, task: Task) -> Any:
    objective, critic = task.options("objective"), task.options("critic")
    return d3rlpy.algos.TD3PlusBCConfig(
        **_shared(d3rlpy, task),
        alpha=objective["eta"],
        target_smoothing_sigma=critic["noise"],
        target_smoothing_clip=critic["noise_clip"],
        update_actor_interval=1,
    )


def _shared(d3rlpy: Any, task: Task) -> dict[str, Any]:
    rates, critic = task.stage.learning_rates, task.options("critic")
    return {
        "actor_encoder_factory": _encoder(d3rlpy, task, "network"),
        "critic_encoder_factory": _encoder(d3rlpy, task, "critic"),
        "actor_learning_rate": rates["policy"],
        "critic_learning_rate": rates["critic"],
        "batch_size": task.stage.batch_size,
        "gamma": critic["discount"],
        "tau": critic["tau"],
        "n_critics": 2,
    }


def _encoder(d3rlpy: Any, task: Task, slot: str) -> Any:
    options = task.options(slot)
    return d3rlpy.models.encoders.VectorEncoderFactory(
        hidden_units=list(options["hidden"]), activation=_ACTIVATIONS[options["activation"]]
    )


def _batch(batch: Batch, device: torch.device) -> Any:
    from d3rlpy.torch_utility import TorchMiniBatch

    column = batch.reward[:, None]
    return TorchMiniBatch(
        observations=batch.observation,
        actions=batch.action,
        rewards=column,
        next_observations=batch.next_observation,
        next_actions=batch.next_action,
        returns_to_go=torch.zeros_like(column),
        terminals=batch.terminal[:, None],
        intervals=torch.ones_like(column),
        device=str(device),
    )


PEER = Peer(name="d3rlpy", package="d3rlpy", install="pip install d3rlpy", fits=_fits, work=_work)
