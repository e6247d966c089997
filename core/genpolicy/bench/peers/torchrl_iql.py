"""torchrl: IQL by its `IQLLoss`, its soft update and Adam.

Compared is a step of the critic `iql`, alone or, in the objective `iql`, with its Gaussian policy:
perceptrons of the same widths and activations, two action values, and batches drawn by our sampler,
made a `TensorDict` on the device. It is the update of torchrl's own example of offline IQL.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

import torch
from torch import Tensor, nn

from genpolicy.bench.peers.peer import Peer, Task, Work
from genpolicy.dataset import Batch

_ACTIVATIONS: Final = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "silu": nn.SiLU}


def _fits(task: Task) -> bool:
    if task.named("critic") != "genpolicy/iql" or not task.is_plain:
        return False
    critic = task.options("critic")
    if critic["layer_norm"] or critic["activation"] not in _ACTIVATIONS:
        return False
    return task.trains == {"critic"} or (task.trains == {"critic", "policy"} and _whole(task))


def _whole(task: Task) -> bool:
    parts = [task.named(slot) for slot in ("objective", "backbone", "network")]
    return (
        parts == ["genpolicy/iql", "genpolicy/gaussian", "genpolicy/mlp"]
        and task.options("backbone")["std"] == "shared"
        and task.options("network")["activation"] in _ACTIVATIONS
    )


def _work(task: Task) -> Work:
    from torchrl.objectives import SoftUpdate

    loss = _loss(task).to(task.device)
    follow = SoftUpdate(loss, tau=task.options("critic")["tau"])
    rates = task.stage.learning_rates
    groups = [{"params": _weights(loss, ("qvalue", "value")), "lr": rates["critic"]}]
    terms = [loss.qvalue_loss, loss.value_loss]
    if "policy" in rates:
        groups.append({"params": _weights(loss, ("actor",)), "lr": rates["policy"]})
        terms.append(loss.actor_loss)
    return _update(task, terms, torch.optim.Adam(groups), follow)


def _update(task: Task, terms: Sequence[Callable[[Any], Any]], optimiser: Any, follow: Any) -> Work:
    def update() -> None:
        batch = _batch(task.draw())
        optimiser.zero_grad()
        total: Any = sum(term(batch)[0] for term in terms)
        total.backward()
        optimiser.step()
        follow.step()

    return update


def _loss(task: Task) -> Any:
    from tensordict.nn import TensorDictModule
    from torchrl.objectives import IQLLoss

    critic, (actions,) = task.options("critic"), task.shapes.action_shape
    seen, act = task.shapes.observation_dim, _ACTIVATIONS[critic["activation"]]
    q = _Joined(_perceptron((seen + actions, *critic["hidden"], 1), act))
    loss = IQLLoss(
        _actor(task, seen, actions),
        TensorDictModule(q, ["observation", "action"], ["state_action_value"]),
        TensorDictModule(
            _perceptron((seen, *critic["hidden"], 1), act), ["observation"], ["state_value"]
        ),
        loss_function="l2",
        temperature=task.options("objective").get("beta", 1.0),
        expectile=critic["expectile"],
    )
    loss.make_value_estimator(gamma=critic["discount"])
    return loss


def _actor(task: Task, seen: int, actions: int) -> Any:
    from tensordict.nn import AddStateIndependentNormalScale, TensorDictModule
    from torchrl.modules import IndependentNormal, ProbabilisticActor

    hidden, name = (1,), "relu"  # of a policy that the loss wants and nobody asks
    if "policy" in task.trains:
        hidden, name = (task.options("network")[key] for key in ("hidden", "activation"))
    body = _perceptron((seen, *hidden, actions), _ACTIVATIONS[name])
    module = nn.Sequential(body, AddStateIndependentNormalScale(actions))
    return ProbabilisticActor(
        TensorDictModule(module, ["observation"], ["loc", "scale"]),
        in_keys=["loc", "scale"],
        distribution_class=IndependentNormal,
    )


class _Joined(nn.Module):
    """A network of observation and action."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        value: Tensor = self.network(torch.cat([observation, action], -1))
        return value


def _perceptron(widths: Sequence[int], activation: Callable[[], nn.Module]) -> nn.Sequential:
    layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), activation())]
    return nn.Sequential(*layers[:-1])


def _weights(loss: Any, names: Iterable[str]) -> list[Tensor]:
    return [
        weight
        for name in names
        for weight in getattr(loss, f"{name}_network_params").values(True, True)
    ]


def _batch(batch: Batch) -> Any:
    from tensordict import TensorDict

    ended = batch.terminal[:, None].bool()
    following = {
        "observation": batch.next_observation,
        "reward": batch.reward[:, None],
        "done": ended,
        "terminated": ended,
    }
    return TensorDict(
        {"observation": batch.observation, "action": batch.action, "next": following},
        batch_size=[len(batch)],
    )


PEER = Peer(
    name="torchrl", package="torchrl", install="pip install torchrl", fits=_fits, work=_work
)
