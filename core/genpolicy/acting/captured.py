"""A decision on one observation, captured as a TorchScript graph.

Of a decision that takes milliseconds almost all is Python's: the graph leaves the matrix products
and little else, with times, their embeddings and all else that is the same at every decision
computed once. Its operations are those of the parts, so its actions are theirs.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from genpolicy.acting.decision import Decide, Decision
from genpolicy.acting.draws import Draw, draws_of
from genpolicy.errors import UsageError

_ACTIVATIONS: Final = ("aten::silu", "aten::relu", "aten::tanh", "aten::gelu")

TOLERANCE = 1e-6
"""By how much a captured graph's actions may differ, absolutely and relatively."""


@attrs.frozen(eq=False)
class Captured:
    """A graph that decides on one observation with the weights that it was captured with.

    Args:
        graph: Of the observation and all that is drawn.
        draws: What is drawn, in order.
    """

    graph: Callable[..., Tensor]
    draws: tuple[Draw, ...]

    def __call__(self, observation: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return the action, ``[1, *action]``, drawing what the parts would draw."""
        with torch.inference_mode():  # of every operation it saves a part of the bookkeeping
            return self.graph(observation, *self.noise(generator, observation.device))

    def noise(self, generator: torch.Generator | None, device: torch.device) -> list[Tensor]:
        """Draw all that is drawn, in order."""
        return [draw.take(generator, device) for draw in self.draws]


@torch.no_grad()
def capture(
    decide: Decide, models: Mapping[str, nn.Module], observation: Tensor
) -> Captured | None:
    """Return the decision on one observation as a graph; ``None`` where there is no such graph.

    Args:
        decide: The decision.
        models: The models that it asks, by name, in the mode in which they act.
        observation: Any, ``[1, observation]``; its type and device count, its values do not.
    """
    still, moved = torch.zeros_like(observation), torch.ones_like(observation)
    try:
        draws = draws_of(decide, still)
    except UsageError:
        return None
    decision = Decision(decide, models)
    noise = [draw.take(torch.Generator(), still.device) for draw in draws]
    try:
        captured = Captured(_traced(decision, (still, *noise)), draws)
        return captured if _agrees(captured, decision, moved) else None
    except Exception:  # tracing fails in many ways; whatever it is, acting goes on without
        return None


def _traced(decision: Decision, inputs: tuple[Tensor, ...]) -> Callable[..., Tensor]:
    decision.training = False  # its own flag, which freezing asks for; the models keep theirs
    with warnings.catch_warnings(), _ForOneRow():
        warnings.simplefilter("ignore")  # that sizes become constants, which is meant
        trace: Callable[..., torch.jit.ScriptModule] = torch.jit.trace
        frozen = torch.jit.freeze(trace(decision, inputs, check_trace=False))
    if inputs[0].device.type == "cpu":  # elsewhere one kernel adds the bias along
        _write_in_place(frozen.graph)
    graph = frozen.forward
    with torch.inference_mode():
        for _ in range(3):  # its first calls are those in which it is optimised
            graph(*inputs)
    found: Callable[..., Tensor] = graph
    return found


def _write_in_place(graph: Any) -> None:
    """Add a layer's bias, and apply an activation that alone reads it, in the product's own memory.

    It comes after freezing, so that no constant is written over.
    """
    ours = set()
    for node in graph.findAllNodes("aten::addmm"):
        bias, x, weight, beta, alpha = node.inputs()
        if beta.toIValue() == alpha.toIValue() == 1:
            product = graph.create("aten::mm", [x, weight], 1).insertBefore(node)
            added = graph.create("aten::add_", [product.output(), bias, alpha], 1)
            ours.add(added.output().debugName())
            _replace(node, added)
    for kind in _ACTIVATIONS:
        for node in graph.findAllNodes(kind):
            read = next(iter(node.inputs()))
            if read.debugName() in ours and len(read.uses()) == 1:
                _replace(node, graph.create(f"{kind}_", [*node.inputs()], 1))
    graph.lint()


def _replace(node: Any, other: Any) -> None:
    other.insertBefore(node)
    other.output().setType(node.output().type())
    node.output().replaceAllUsesWith(other.output())
    node.destroy()


class _ForOneRow(TorchFunctionMode):
    """Writes layers as is quickest for one row: its product reads the weights in their order."""

    def __init__(self) -> None:
        super().__init__()
        self._transposed: dict[int, Tensor] = {}

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        first = args[0] if args else None
        if func is functional.linear and len(args) == 3 and _is_matrix(first):
            return self._product(*args)
        if func is Tensor.flatten and args[1:] == (1,) and _is_matrix(first):
            return first
        result = func(*args, **(kwargs or {}))
        unmoved = func is Tensor.reshape and _sizes(result) == _sizes(args[0])
        return first if unmoved else result

    def _product(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if bias is None:
            return functional.linear(x, weight)
        if id(weight) not in self._transposed:
            self._transposed[id(weight)] = weight.t().contiguous()
        return torch.addmm(bias, x, self._transposed[id(weight)])


def _is_matrix(value: object) -> bool:
    return isinstance(value, Tensor) and value.ndim == 2


def _sizes(tensor: Tensor) -> list[int]:
    return [int(size) for size in tensor.shape]  # those of a trace are tensors themselves


def _agrees(captured: Captured, decision: Decision, observation: Tensor) -> bool:
    """Return whether a graph decides as the parts do."""
    noise = captured.noise(torch.Generator().manual_seed(1), observation.device)
    found, expected = captured.graph(observation, *noise), decision(observation, *noise)
    return torch.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE)
