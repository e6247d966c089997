"""From an agent to one graph of observations and noise, for any number of rows."""

import warnings
from collections.abc import Callable, Iterator, Sequence

import attrs
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx.experimental.proxy_tensor import make_fx

from genpolicy.acting import Decision, draws_of
from genpolicy.agent import Agent
from genpolicy.composition.agent_recipe import Chosen
from genpolicy.errors import UsageError
from genpolicy.export.layout import Layout

_MANY = 1009  # a prime: sizes that are equal would be taken for one

TOLERANCE = 1e-5
"""By how much a graph's actions may differ from the agent's, absolutely and relatively."""


@attrs.frozen(eq=False)
class Unrolled:
    """An agent as a graph.

    Args:
        program: The graph of observation, noise and, if it is drawn, uniform noise.
        layout: What stands where in the noise.
    """

    program: ExportedProgram
    layout: Layout


class Acting(nn.Module):
    """An agent's decision as a function of observations and noise.

    Args:
        agent: The agent.
        layout: What stands where in the noise.
    """

    def __init__(self, agent: Agent, layout: Layout) -> None:
        super().__init__()
        self.decision = Decision(agent.decide, agent.models.all())
        self._layout = layout

    def forward(self, observation: Tensor, noise: Tensor, uniform: Tensor | None = None) -> Tensor:
        """Return actions, ``[batch, *action]``."""
        draws = self._layout.as_drawn(noise, uniform)
        action: Tensor = self.decision(observation, *draws)
        return action


class WrittenOut(nn.Module):
    """The same, operation by operation: gradients on the way have become operations too.

    Args:
        acting: The function of a batch.
        inputs: Its inputs for a number of rows that no other size is equal to.
    """

    def __init__(self, acting: Acting, inputs: Sequence[Tensor]) -> None:
        super().__init__()
        write_out = make_fx(
            lambda *given: acting(*given), tracing_mode="symbolic", _allow_non_fake_inputs=True
        )
        self.operations = write_out(*inputs)

    def forward(self, observation: Tensor, noise: Tensor, uniform: Tensor | None = None) -> Tensor:
        """Return actions, ``[batch, *action]``."""
        actions: Tensor = self.operations(*_present(observation, noise, uniform))
        return actions


class RowByRow(nn.Module):
    """The same, for parts that count rows, which a graph of any number of rows cannot.

    Args:
        acting: The function of a batch.
    """

    def __init__(self, acting: Acting) -> None:
        super().__init__()
        self.acting = acting

    def forward(self, observation: Tensor, noise: Tensor, uniform: Tensor | None = None) -> Tensor:
        """Return actions, ``[batch, *action]``."""
        actions: Tensor = torch.vmap(self._one)(*_present(observation, noise, uniform))
        return actions

    def _one(self, *given: Tensor) -> Tensor:
        action: Tensor = self.acting(*(each[None] for each in given))[0]
        return action


def _present(*inputs: Tensor | None) -> list[Tensor]:
    return [each for each in inputs if each is not None]


@torch.no_grad()
def unroll(agent: Agent) -> Unrolled:
    """Return an agent as a graph.

    Raises:
        UsageError: It is none: its next step depends on the values of the last, or it draws noise
            that cannot be given from outside.
    """
    try:
        two, three = (draws_of(agent.decide, _rows(agent, count)) for count in (2, 3))
        layout = Layout.of(two, three)
        return Unrolled(_program(agent, layout), layout)
    except UsageError as error:
        parts = (f"{slot} {chosen.name!r}" for slot, chosen in _that_act(agent))
        raise UsageError(
            f"an agent that acts by {' and '.join(parts)} is no fixed graph: {error}; inference "
            "sample and a solver of fixed steps make one, such as --solver midpoint:10"
        ) from error


def _program(agent: Agent, layout: Layout) -> ExportedProgram:
    acting = Acting(agent, layout)
    one, several, many = (_inputs(agent, layout, rows) for rows in (1, 5, _MANY))
    ways: list[Callable[[], nn.Module]] = [
        lambda: acting,
        lambda: WrittenOut(acting, many),
        lambda: RowByRow(acting),
    ]
    for way in ways:
        try:
            program = _exported(way(), several)
            act = program.module()
            if all(_alike(act(*given), acting(*given)) for given in (one, several)):
                return program
        except Exception:  # tracing fails in many ways, and the next way to trace may not
            continue
    raise UsageError("torch.export cannot trace it")


def _exported(module: nn.Module, inputs: tuple[Tensor, ...]) -> ExportedProgram:
    batch = tuple({0: Dim.DYNAMIC} for _ in inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(module, inputs, dynamic_shapes=batch, strict=False)


def _inputs(agent: Agent, layout: Layout, rows: int) -> tuple[Tensor, ...]:
    return (_rows(agent, rows), *layout.take(rows, torch.Generator()).values())


def _alike(found: Tensor, expected: Tensor) -> bool:
    return torch.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE)


def _rows(agent: Agent, count: int) -> Tensor:
    return torch.linspace(-1.0, 1.0, count * agent.shapes.observation_dim).reshape(count, -1)


def _that_act(agent: Agent) -> Iterator[tuple[str, Chosen]]:
    recipe = agent.recipe
    yield "inference", recipe.chosen["inference"]
    yield "solver", recipe.chosen[recipe.slot_of(recipe.objective.acting_role, "solver")]
