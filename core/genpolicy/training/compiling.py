"""Whether a stage's losses are compiled, and from which step on.

Compiling takes a minute, and a compiled loss rounds otherwise. So the choice is made once in a
stage, told to whoever records the run, kept in its checkpoints, and followed by whoever repeats it.
"""

import functools
import math
import statistics
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from genpolicy.dataset import Batch
from genpolicy.errors import RunError
from genpolicy.objective import Loss
from genpolicy.records import EventRecord
from genpolicy.training.python_state import changes, moments
from genpolicy.training.update import Update

COMPILED: Final = "compiled"
"""The kind of event that tells from which step on a stage is compiled."""
EAGER: Final = "eager"
"""The kind of event that tells that a stage is not compiled."""

WARMUP: Final = 0.04
"""Seconds that compiling takes on a CPU for each operation of a step: 4 for the 160 of iql, 55 for
fql's 820, 58 for diffusion-ql's 1500, by benchmarks/steps.py on two cores, torch 2.13."""
SAVED: Final = 0.1
"""The share of a step's time that it is taken to save: 0.06 (fql) to 0.42 (diffusion-ql) there."""
_WORTH: Final = 5.0  # how many times compiling must pay for itself: what it saves is a guess, and
# short runs come out the same on a machine that is busy
_MEASURED, _SKIPPED = 60, 10  # steps of a stage that are timed, and the first of them that warm up

_BACKEND = "inductor"


class Compiling:
    """Decides stage by stage, or follows what was decided before.

    Args:
        mode: ``auto`` decides by the time that is to be saved, and on a CPU alone; ``on`` compiles
            from a stage's first step.
        device: Where the models live.
    """

    def __init__(self, mode: Literal["auto", "on", "off"], device: torch.device) -> None:
        self._mode, self._weighs = mode, mode == "auto" and device.type == "cpu"
        self._followed: dict[int, bool] = {}
        self._until: float = 0  # the last step of the run before which nothing but that is done
        self._news: list[EventRecord] = []
        self.enter()

    def enter(self) -> None:
        """Begin a stage."""
        self._decided: bool | None = None
        self._done = False
        self._seconds: list[float] = []
        self.operations = 0

    def follow(self, decisions: Mapping[int, bool], until: float = math.inf) -> None:
        """Decide nothing, but as was decided before.

        Args:
            decisions: Whether a stage was compiled, by the step of the run, from 1, before which
                that was decided.
            until: The last step to which that goes; after it, decide.
        """
        self._followed, self._until = dict(decisions), until

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Take note of how long a step takes, and of how many operations the first one has."""
        if not self._weighs or self._done or self._until == math.inf:
            yield
            return
        start = time.perf_counter()
        with self._counter() as counter:
            yield
        self._seconds.append(time.perf_counter() - start)
        self.operations = counter.operations

    def _counter(self) -> "AbstractContextManager[Compiling | _Counter]":
        """Return what counts the operations of the first step, and keeps the number after it."""
        return nullcontext(self) if self._seconds else _Counter()  # type: ignore[no-untyped-call]

    def prepare(
        self, updates: Sequence[Update], batch: Batch, step: int, left: int, stage: str
    ) -> None:
        """Compile the losses, if it is time to.

        Args:
            updates: What trains in the stage.
            batch: The batch of the next step.
            step: The number of the next step in the run, from 1.
            left: How many steps of the stage are left.
            stage: Its name.

        Raises:
            RunError: A loss cannot be compiled and must be, by ``compile=on``.
        """
        self._step = step
        if self._decided and self._followed.get(step) is False:
            self._leave(updates, f"stage {stage!r} is no longer compiled, as the run was")
        if self._done:
            return
        if self._decided is None:
            self._decide(step, left, stage)
        self._done = self._decided is not None
        if self._decided:
            self._compile(updates, batch)

    def news(self) -> list[EventRecord]:
        """Return what was decided since the last call."""
        news, self._news = self._news, []
        return news

    def state(self) -> dict[str, Any]:
        """Return what was decided, for a checkpoint."""
        followed = sorted(self._followed.items()) if self._until == math.inf else None
        return {"compiled": self._decided, "compile_follows": followed}

    def load(self, facts: Mapping[str, Any]) -> None:
        """Take up what was decided."""
        self._decided = facts.get("compiled")
        if facts.get("compile_follows") is not None:
            self.follow(dict(facts["compile_follows"]))

    def _decide(self, step: int, left: int, stage: str) -> None:
        if step in self._followed:
            verb = "is" if self._followed[step] else "is not"
            message = f"stage {stage!r} {verb} compiled, as the run was"
            self._settle(self._followed[step], step, message)
        elif step <= self._until:
            return
        elif self._mode == "on":
            self._settle(True, step, f"stage {stage!r} is compiled, as train.compile=on asks")
        elif self._weighs and len(self._seconds) == _MEASURED:
            self._weigh(step, left, stage)

    def _weigh(self, step: int, left: int, stage: str) -> None:
        """Compile if that saves enough of the time that is left."""
        each = statistics.median(self._seconds[_SKIPPED:])
        saved, cost = SAVED * each * left, WARMUP * self.operations
        pays = saved >= _WORTH * cost
        numbers = (
            f"of {left:,} steps at {1e3 * each:.1f} ms it saves about {saved:,.0f} s and takes "
            f"about {cost:.0f} s"
        )
        verb = "is" if pays else "is not"
        self._settle(pays, step, f"stage {stage!r} {verb} compiled: {numbers}")

    def _settle(self, compiled: bool, step: int, message: str) -> None:
        self._decided = compiled
        self.tell(COMPILED if compiled else EAGER, message, step)

    def tell(self, kind: str, message: str, step: int) -> None:
        """Add something to the news."""
        self._news.append(EventRecord(kind=kind, message=message, step=step))

    def _compile(self, updates: Sequence[Update], batch: Batch) -> None:
        try:
            _check_plain_values(updates)
            made = [_compiled(update, updates, batch) for update in updates]
        except _CannotCompileError as error:
            self._refuse(str(error))
            self._decided, self._news = False, []
            self.tell("warning", f"{error}; training goes on without", self._step)
            return
        for update, loss in zip(updates, made, strict=True):
            update.use(loss, functools.partial(self._failed, updates, update.role))

    def _failed(self, updates: Sequence[Update], role: str, error: Exception) -> None:
        """Go on without, as a compiled loss failed at a step that was taken without it."""
        why = f"the compiled loss that trains {role!r} failed: {_first_line(error)}"
        self._refuse(why)
        self.tell("warning", f"{why}; training goes on without", self._step)
        self._leave(updates, f"not compiled from here on: {why}")

    def _refuse(self, why: str) -> None:
        if self._mode == "on":
            raise RunError(f"{why}; --compile off trains without")

    def _leave(self, updates: Sequence[Update], message: str) -> None:
        for update in updates:
            update.use(None)
        self._settle(False, self._step, message)


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts operations."""

    operations = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        self.operations += 1
        return func(*args, **(kwargs or {}))


class _CannotCompileError(Exception):
    pass


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes the same, compiled as one graph at its first call.

    Its random numbers are torch's own, in the same order.
    """
    options = {"fallback_random": True} if _BACKEND == "inductor" else None
    compiling: Callable[..., Any] = torch.compile(  # type: ignore[call-overload]
        function,
        backend=_BACKEND,
        fullgraph=True,
        dynamic=False,
        options=options,
        isolate_recompiles=True,  # else a process that trains many runs is out of recompilations
    )
    return compiling


def _compiled(update: Update, updates: Sequence[Update], batch: Batch) -> Callable[..., Loss]:
    """Return an update's loss compiled, and tried out on a batch.

    Trying it out leaves weights, buffers and random numbers as they are.
    """
    others = [weight for each in updates if each is not update for weight in each.parameters]
    program = compiled(update.loss)

    def loss(batch: Batch) -> Loss:
        with _constant(others):  # else their gradients would be compiled too, and computed
            found: Loss = program(batch=batch)
        return found

    with _untouched(updates):
        try:
            _try_out(update, loss, batch)
        except Exception as error:
            _try_out(update, update.loss, batch)  # what fails of itself is not compiling's fault
            raise _CannotCompileError(
                f"the loss that trains {update.role!r} cannot be compiled: {_first_line(error)}"
            ) from error
    return loss


def _check_plain_values(updates: Sequence[Update]) -> None:
    """Refuse models of which every step would be compiled anew."""
    for update in updates:
        if _changes(update, updates):
            raise _CannotCompileError(
                f"{type(update.model).__name__}, the model of role {update.role!r}, changes plain "
                "Python values as it trains, so that no compiled loss lasts"
            )


def _changes(update: Update, updates: Sequence[Update]) -> bool:
    with _untouched(updates):
        try:
            return changes(update.model, moments(update.settled))
        except Exception:  # it cannot be copied, or told this; a loss that fails later is left then
            return False


def _try_out(update: Update, loss: Callable[..., Loss], batch: Batch) -> None:
    torch.autograd.grad(update.lost(batch, loss).value, update.parameters, allow_unused=True)


@contextmanager
def _constant(weights: Collection[nn.Parameter]) -> Iterator[None]:
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


@contextmanager
def _untouched(updates: Sequence[Update]) -> Iterator[None]:
    """Leave random numbers and models' buffers as they were."""
    buffers = [buffer for update in updates for buffer in update.model.buffers()]
    kept: list[Tensor] = [buffer.clone() for buffer in buffers]
    device = updates[0].device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            for buffer, before in zip(buffers, kept, strict=True):
                buffer.copy_(before)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]
