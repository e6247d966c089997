"""Several agents, alike but for their weights, that decide as one.

The weights of all lie stacked, ``[agent, …]``, and a decision is taken on the stack by
``torch.func.vmap``. Every agent draws from its own generator what it would draw alone, so that its
decisions are its own but for rounding.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from genpolicy.acting.decision import Decide, Decision
from genpolicy.acting.draws import Draw, draws_of
from genpolicy.dataset import Floats
from genpolicy.debugging import tell
from genpolicy.errors import UsageError

TOLERANCE = 1e-4
"""By how much what agents decide as one may differ from what each decides alone."""

Asked = tuple[Floats, torch.Generator]
Members = Sequence[tuple[Decide, Mapping[str, nn.Module]]]
"""What each agent does, and the models that it asks, by name, in the mode in which they act."""


def stacked(members: Members, observation: Tensor) -> "Stacked | None":
    """Return agents as one; ``None`` where they cannot decide as one.

    Args:
        members: The agents.
        observation: Any, ``[n, observation]``; type and device count, values do not.
    """
    try:
        found = Stacked(members)
        if found.agrees(torch.ones_like(observation)):
            return found
        tell("agents would decide otherwise as one than each alone")
    except Exception as error:  # it fails in many ways; whatever it is, each can decide alone
        tell("agents cannot decide as one", error)
    return None


class Stacked:
    """Agents that decide as one.

    Args:
        members: The agents.
    """

    def __init__(self, members: Members) -> None:
        self._decides = [decide for decide, _ in members]
        programs = [Decision(decide, models) for decide, models in members]
        self._program, self._weights = programs[0], _stacked(programs)
        self._all_decide = torch.func.vmap(self._one_decides)
        self._draws: dict[int, tuple[Draw, ...]] = {}

    @torch.no_grad()
    def __call__(self, asked: Sequence[Asked | None]) -> list[Floats | None]:
        """Return the decisions of every agent that is asked.

        Those with equally many observations decide as one.

        Args:
            asked: For every agent its observations, ``[n, observation]``, and its generator.
        """
        alike: dict[int, dict[int, Asked]] = defaultdict(dict)
        for number, each in enumerate(asked):
            if each is not None:
                alike[len(each[0])][number] = each
        decided: dict[int, Tensor] = {}
        for group in alike.values():
            decided |= self._decided(group)
        return [decided[n].cpu().numpy() if n in decided else None for n in range(len(asked))]

    def agrees(self, observation: Tensor) -> bool:
        """Whether all decide on some observations, ``[n, observation]``, as each does alone."""
        rows = observation.cpu().numpy()

        def asked() -> dict[int, Asked]:
            return {n: (rows, torch.Generator().manual_seed(n)) for n in range(len(self._decides))}

        with torch.no_grad():
            together = self._decided(asked())
            alone = {number: self._alone(number, each) for number, each in asked().items()}
        return all(
            torch.allclose(together[n], alone[n], rtol=TOLERANCE, atol=TOLERANCE) for n in alone
        )

    def _decided(self, group: Mapping[int, Asked]) -> dict[int, Tensor]:
        numbers = list(group)
        if len(numbers) == 1:
            return {numbers[0]: self._alone(numbers[0], group[numbers[0]])}
        rows = self._rows(np.stack([observation for observation, _ in group.values()]))
        draws = self._draws_of(rows[0])
        noise = [
            torch.stack(own)
            for own in zip(
                *([draw.take(g, rows.device) for draw in draws] for _, g in group.values()),
                strict=True,
            )
        ]
        actions: Tensor = self._all_decide(self._weights_of(numbers), rows, noise)
        return dict(zip(numbers, actions, strict=True))

    def _alone(self, number: int, asked: Asked) -> Tensor:
        observation, generator = asked
        return self._decides[number](self._rows(observation), generator)

    def _rows(self, observation: Floats) -> Tensor:
        return torch.as_tensor(observation, device=next(iter(self._weights.values())).device)

    def _one_decides(
        self, weights: Mapping[str, Tensor], observation: Tensor, noise: Sequence[Tensor]
    ) -> Tensor:
        inputs = (observation, *noise)
        found: Tensor = torch.func.functional_call(self._program, dict(weights), inputs)
        return found

    def _weights_of(self, numbers: Sequence[int]) -> dict[str, Tensor]:
        if len(numbers) == len(self._decides):
            return self._weights
        return {name: stack[list(numbers)] for name, stack in self._weights.items()}

    def _draws_of(self, observation: Tensor) -> tuple[Draw, ...]:
        """Return what is drawn for so many observations.

        Raises:
            UsageError: They are not all drawn from the generator, or depend on values.
        """
        if len(observation) not in self._draws:
            draws = draws_of(self._decides[0], torch.zeros_like(observation))
            if not all(draw.by_generator for draw in draws):
                raise UsageError("it draws noise otherwise than from the generator")
            self._draws[len(observation)] = draws
        return self._draws[len(observation)]


def _stacked(programs: Sequence[nn.Module]) -> dict[str, Tensor]:
    named = [dict([*each.named_parameters(), *each.named_buffers()]) for each in programs]
    return {
        name: _laid_out(torch.stack([own[name].detach() for own in named])) for name in named[0]
    }


def _laid_out(stack: Tensor) -> Tensor:
    """Return stacked matrices in the order in which batched products read them quickest."""
    return stack.mT.contiguous().mT if stack.ndim == 3 else stack
