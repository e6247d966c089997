"""What an agent draws as it acts, and acting with draws that are given.

Parts draw with ``torch.randn`` and ``torch.rand`` and know of nothing else: here their calls are
watched, and answered.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

import attrs
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from genpolicy.errors import UsageError

Kind = Literal["normal", "uniform"]
"""Of mean 0 and deviation 1, or between 0 and 1."""

_KINDS: Final[Mapping[Any, Kind]] = {
    torch.randn: "normal",
    torch.randn_like: "normal",
    torch.rand: "uniform",
    torch.rand_like: "uniform",
}

_BY_PLACES: Final = (torch.ops.aten.index.Tensor, torch.ops.aten.repeat_interleave.Tensor)
"""Operations whose result's size depends on values, but for places given as whole numbers."""


@attrs.frozen(kw_only=True)
class Draw:
    """One call that draws noise.

    Args:
        kind: From which distribution.
        shape: How much of it.
        dtype: Its type.
        by_generator: Whether from the generator that was given, else torch's global numbers.
    """

    kind: Kind
    shape: tuple[int, ...]
    dtype: torch.dtype
    by_generator: bool

    def take(self, generator: torch.Generator | None, device: torch.device) -> Tensor:
        """Draw it, as the part would that was watched.

        Args:
            generator: Where it comes from, if it comes from a generator.
            device: Where it is wanted.
        """
        source = generator if self.by_generator else None
        draw = torch.randn if self.kind == "normal" else torch.rand
        at = device if source is None else source.device
        return draw(self.shape, generator=source, dtype=self.dtype, device=at).to(device)


def draws_of(
    decide: Callable[[Tensor, torch.Generator], object], observation: Tensor
) -> tuple[Draw, ...]:
    """Return what is drawn, in order, when these observations are decided on.

    No random number of anybody else's is used up.

    Args:
        decide: Decides with noise from a generator.
        observation: ``[batch, observation]``.

    Raises:
        UsageError: The decision is no fixed graph of observations and noise: it reads values on its
            way, or draws otherwise than by ``torch.randn`` and ``torch.rand``.
    """
    calls, operations = _Calls(), _Operations()
    with torch.random.fork_rng(devices=_cuda_of(observation)), calls, operations:
        decide(observation, torch.Generator())
    if operations.reads:
        raise UsageError("it reads values on its way, and what it does next depends on them")
    if operations.draws != len(calls.draws):
        raise UsageError("it draws noise otherwise than by torch.randn and torch.rand")
    return tuple(calls.draws)


@contextmanager
def given(draws: Sequence[Tensor]) -> Iterator[None]:
    """Let every draw be the next of these."""
    with _Answers(draws):
        yield


class _Calls(TorchFunctionMode):
    """Notes the calls that draw."""

    def __init__(self) -> None:
        super().__init__()
        self.draws: list[Draw] = []

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in _KINDS:
            by_generator = (kwargs or {}).get("generator") is not None
            shape, dtype = tuple(result.shape), result.dtype
            draw = Draw(kind=_KINDS[func], shape=shape, dtype=dtype, by_generator=by_generator)
            self.draws.append(draw)
        return result


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what draws and what the host waits for, whoever calls it and by what name."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.draws = self.reads = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        self.draws += torch.Tag.nondeterministic_seeded in func.tags
        self.reads += torch.Tag.data_dependent_output in func.tags
        self.reads += torch.Tag.dynamic_output_shape in func.tags and not _by_places(func, args)
        return func(*args, **(kwargs or {}))


class _Answers(TorchFunctionMode):
    """Answers the calls that draw."""

    def __init__(self, draws: Sequence[Tensor]) -> None:
        super().__init__()
        self._draws = iter(draws)

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return next(self._draws) if func in _KINDS else func(*args, **(kwargs or {}))


def _by_places(func: Any, args: tuple[Any, ...]) -> bool:
    tensors = [each for each in tree_leaves(args) if isinstance(each, Tensor)]
    return func in _BY_PLACES and not any(each.dtype is torch.bool for each in tensors)


def _cuda_of(like: Tensor) -> list[torch.device]:
    return [like.device] if like.is_cuda else []
