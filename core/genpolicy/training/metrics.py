"""Means of metrics over stretches of training, without ever waiting for the device."""

from collections.abc import Iterable, Mapping

import attrs
import torch
from torch import Tensor

from genpolicy.errors import RunError


@attrs.frozen(eq=False)
class Snapshot:
    """Means on their way to the host.

    Args:
        step: Steps of the whole run taken when they were closed.
        names: The metrics' names.
        means: Their means, ``[metric]``, in host memory once ``ready`` has passed.
        bad_step: The first step whose loss was not finite, or -1, ``[]``.
        ready: Passes when the copies are done; ``None`` on the CPU.
    """

    step: int
    names: tuple[str, ...]
    means: Tensor
    bad_step: Tensor
    ready: torch.cuda.Event | None

    def values(self) -> dict[str, float]:
        """Return the means by name."""
        self._wait()
        return dict(zip(self.names, self.means.tolist(), strict=True))

    def first_bad_step(self) -> int | None:
        """Return the first step whose loss was not finite, if any."""
        self._wait()
        step = int(self.bad_step)
        return None if step < 0 else step

    def _wait(self) -> None:
        if self.ready is not None:
            self.ready.synchronize()


class MetricMeans:
    """Running sums of named metrics on the device, closed now and then into a snapshot."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.names: tuple[str, ...] = ()
        self.total: Tensor | None = None
        self.count = 0
        self.bad_step = torch.full((), -1, dtype=torch.int64, device=self.device)

    def add(self, step: int, values: Mapping[str, Tensor], losses: list[Tensor]) -> None:
        """Add one step's metrics, and look whether its losses are finite.

        Raises:
            RunError: The metrics have other names than those since the last close.
        """
        if self.total is not None and values.keys() != set(self.names):
            raise RunError(_renamed(self.names, values))
        self.names = self.names or tuple(values)
        stacked = torch.stack([values[name].detach().float() for name in self.names])
        self.total = stacked if self.total is None else self.total + stacked
        self.count += 1
        finite = torch.stack([torch.isfinite(loss.detach()).all() for loss in losses]).all()
        self.bad_step = torch.where((self.bad_step < 0) & ~finite, step, self.bad_step)

    def peek(self, step: int) -> Snapshot | None:
        """Return the means since the last close; ``None`` if there are none."""
        if self.total is None:
            return None
        return _to_host(step, self.names, self.total / self.count, self.bad_step)

    def close(self, step: int) -> Snapshot | None:
        """Return the means since the last close, and start anew; ``None`` if there are none."""
        snapshot = self.peek(step)
        self.clear()
        return snapshot

    def state(self) -> dict[str, Tensor]:
        """Return the running sums, for a checkpoint."""
        state = {"bad_step": self.bad_step, "count": torch.tensor(self.count)}
        if self.total is not None:
            state["total"] = self.total
        return state

    def load(self, state: Mapping[str, Tensor], names: tuple[str, ...]) -> None:
        """Take running sums up again."""
        self.names = names
        self.count = int(state["count"])
        self.bad_step = state["bad_step"].to(self.device)
        self.total = state["total"].to(self.device) if "total" in state else None


def _renamed(before: Iterable[str], now: Iterable[str]) -> str:
    role = min(set(before) ^ set(now)).partition("/")[0]
    one, other = (
        ", ".join(name.partition("/")[2] for name in names if name.startswith(f"{role}/"))
        for names in (before, now)
    )
    return (
        f"the loss of role {role!r} must name the same metrics at every step; it named "
        f"{one or 'none'}, and then {other or 'none'}"
    )


def _to_host(step: int, names: tuple[str, ...], means: Tensor, bad_step: Tensor) -> Snapshot:
    if means.device.type != "cuda":
        return Snapshot(step, names, means, bad_step, None)
    means = means.to("cpu", non_blocking=True)
    bad_step = bad_step.to("cpu", non_blocking=True)
    ready = torch.cuda.Event()  # type: ignore[no-untyped-call]
    ready.record()
    return Snapshot(step, names, means, bad_step, ready)
