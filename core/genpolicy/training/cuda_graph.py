"""A training step as one CUDA graph: launched as a whole, where launching its parts takes longest.

The first steps are taken as ever, on a stream of their own; the next is captured, and from then on
replayed on memory that stays where it is: the batch is copied in, learning rates are tensors, and
torch's random numbers go on as if every step drew them itself. Only what happens on the device is
captured. A step that reads a value from there, or whose models keep a count in Python or follow the
progress of training, is not captured, and taken part by part.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from genpolicy.backbone import Model
from genpolicy.dataset import Batch
from genpolicy.training.python_state import bound_parts, changes, plain_values
from genpolicy.training.update import Update

Taken = tuple[dict[str, Tensor], list[Tensor]]
"""A step's metrics by name, and its losses."""
Take = Callable[[Batch], Taken]

_WARMUP: Final = 3  # steps after which libraries have set up what cannot be set up in a capture
_aten = torch.ops.aten
_WAITING: Final = frozenset({_aten._local_scalar_dense, _aten.nonzero, _aten.masked_select})


class StepGraph:
    """Takes the steps of a stage, by a graph as soon as there is one.

    Args:
        updates: What trains in the stage.
        take: Takes a step of a batch, at the learning rates that are set.
        device: A CUDA device.
        say: Told in a sentence why there is no graph, if there is to be none.
    """

    def __init__(
        self,
        updates: Sequence[Update],
        take: Take,
        device: torch.device,
        say: Callable[[str], None],
    ) -> None:
        self._take, self._device, self._say = take, device, say
        self._models = [update.model for update in updates]
        losses = [part for update in updates for part in bound_parts(update.loss)]
        self._parts = [*self._models, *losses]
        self._steps, self._why = 0, ""
        self._graph: torch.cuda.CUDAGraph | None = None
        self._batch: Batch
        self._found: Taken

    def __call__(self, batch: Batch) -> Taken:
        """Take a step; what it returns stays good until the next one."""
        if self._graph is not None:
            _copy(batch, self._batch)
            self._graph.replay()
            return self._found
        self._steps += 1
        if self._steps < _WARMUP:
            return self._aside(batch)
        if self._steps == _WARMUP:
            return self._watched(batch)
        if not self._why:
            self._capture(batch)
        return self._take(batch) if self._why else self(batch)

    def _watched(self, batch: Batch) -> Taken:
        """Take a step, and see whether it can be captured."""
        before = [plain_values(part) for part in self._parts]
        with Watch(self._device) as watch:
            found = self._aside(batch)
        follows = python_state(self._models)
        counting = (
            _counting(part)
            for part, values in zip(self._parts, before, strict=True)
            if plain_values(part) != values
        )
        self._give_up(watch.found or follows or next(counting, ""))
        return found

    def _aside(self, batch: Batch) -> Taken:
        """Take a step on a stream of its own, as what is captured later must have been."""
        present = torch.cuda.current_stream(self._device)
        aside = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        aside.wait_stream(present)
        with torch.cuda.stream(aside):
            found = self._take(batch)
        present.wait_stream(aside)
        return found

    def _capture(self, batch: Batch) -> None:
        """Capture a step, which does not take it."""
        self._batch = batch.map(torch.clone)
        graph = torch.cuda.CUDAGraph()
        try:
            with _survivable(self._device), torch.cuda.graph(graph):
                self._found = self._take(self._batch)
        except RuntimeError as error:
            self._give_up(str(error).strip().partition("\n")[0])
            return
        self._graph = graph

    def _give_up(self, why: str) -> None:
        self._why = why
        if why:
            self._say(f"steps are not captured as a CUDA graph: {why}")


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees what cannot be captured: what waits for the device, or copies to it or from it.

    Args:
        device: Where a step is taken.
    """

    found: str = ""
    """What was seen first, in words."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._type = device.type

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.found:
            self.found = self._problem(func, args, result)
        return result

    def _problem(self, func: Any, args: Sequence[Any], result: Any) -> str:
        name = func.overloadpacket
        if name in _WAITING or (name is _aten.index and _by_mask(args)):
            return f"{name.__name__} waits for the device"
        if name in (_aten._to_copy, _aten.copy_):
            places = {each.device.type for each in (*args, result) if isinstance(each, Tensor)}
            if self._type in places and len(places) > 1:
                return "a part copies between the device and the host"
        return ""


@contextmanager
def _survivable(device: torch.device) -> Iterator[None]:
    """Put the stream and the random numbers back where a capture fails, which leaves its own."""
    stream = torch.cuda.current_stream(device)
    index = torch.cuda.current_device() if device.index is None else device.index
    generator = torch.cuda.default_generators[index]
    kept = generator.clone_state()
    try:
        yield
    except BaseException:
        torch.cuda.set_stream(stream)
        generator.graphsafe_set_state(kept)
        raise


def python_state(models: Sequence[Model]) -> str:
    """Return which model's ``after_step`` cannot be captured, and why; nothing if each can.

    It is tried on a copy.
    """
    for model in models:
        try:
            counts = changes(model, [object()])
        except Exception:  # whatever is done with it, it is no number
            return f"{type(model).__name__} follows the progress of training"
        if counts:
            return _counting(model)
    return ""


def _counting(part: object) -> str:
    return f"{type(part).__name__} keeps a count in Python"


def _by_mask(args: Sequence[Any]) -> bool:
    indices = [each for each in args[1] if each is not None]
    return any(each.dtype in (torch.bool, torch.uint8) for each in indices)


def _copy(batch: Batch, into: Batch) -> None:
    torch._foreach_copy_(_tensors(into), _tensors(batch))


def _tensors(batch: Batch) -> list[Tensor]:
    return [*batch.columns().values(), *batch.constants.values()]
