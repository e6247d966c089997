"""Between the numbers of an environment and those that models see.

    observation:  (o − center) / scale,   center and scale the data's mean and deviation
    action:       (a − center) / scale,   the box of allowed actions becomes [−1, 1]

Data stay in the environment's numbers; what trains and what acts convert.
"""

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import torch
from torch import Tensor

from genpolicy.columns import blocks

if TYPE_CHECKING:
    from genpolicy.dataset import Dataset, Floats

SMALLEST_DEVIATION = 1e-6
"""A number that deviates by less than this share of its size is constant but for rounding."""


@attrs.frozen(eq=False)
class Affine:
    """``(x − center) / scale``, coordinate by coordinate.

    Args:
        center: What becomes 0.
        scale: What becomes 1 beyond it; positive.
    """

    center: Tensor
    scale: Tensor

    @classmethod
    def of(cls, center: "Floats", scale: "Floats") -> "Affine | None":
        """Return the map, ``None`` for the one that changes nothing."""
        if not center.any() and (scale == 1.0).all():
            return None
        return cls(torch.as_tensor(center.copy()), torch.as_tensor(scale.copy()))

    def there(self, values: Tensor) -> Tensor:
        """Return values as models see them."""
        return (values - self.center) / self.scale

    def back(self, values: Tensor) -> Tensor:
        """Return values as the environment knows them."""
        return values * self.scale + self.center

    def to(self, device: torch.device) -> "Affine":
        """Return the map with its numbers on a device."""
        return Affine(self.center.to(device), self.scale.to(device))

    def as_json(self) -> dict[str, Any]:
        """Return the map as JSON values."""
        return {"center": self.center.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_json(cls, facts: Any) -> "Affine":
        """Return the map that :meth:`as_json` wrote down."""
        return cls(*(torch.tensor(facts[key], dtype=torch.float32) for key in ("center", "scale")))


@attrs.frozen(eq=False, kw_only=True)
class Units:
    """The units of what models see; ``None`` stands for the environment's own.

    Args:
        observation: Of observations.
        action: Of actions; over the last dimension of a chunk.
    """

    observation: Affine | None = None
    action: Affine | None = None

    def to(self, device: torch.device) -> "Units":
        """Return the units with their numbers on a device."""
        return Units(
            observation=self.observation and self.observation.to(device),
            action=self.action and self.action.to(device),
        )

    def seen(self, observation: Tensor) -> Tensor:
        """Return observations, ``[batch, observation]``, as models see them."""
        return observation if self.observation is None else self.observation.there(observation)

    def aimed(self, action: Tensor) -> Tensor:
        """Return actions, ``[batch, *action]``, as models see them."""
        return action if self.action is None else self.action.there(action)

    def done(self, action: Tensor) -> Tensor:
        """Return a model's actions, ``[batch, *action]``, as the environment takes them."""
        return action if self.action is None else self.action.back(action)

    def as_json(self) -> dict[str, Any]:
        """Return the units as JSON values."""
        pairs = {"observation": self.observation, "action": self.action}
        return {name: each.as_json() for name, each in pairs.items() if each is not None}

    @classmethod
    def from_json(cls, facts: Any) -> "Units":
        """Return the units that :meth:`as_json` wrote down."""
        return cls(**{name: Affine.from_json(each) for name, each in facts.items()})


def units_of(data: "Dataset", *, normalise: bool, rescale: bool) -> Units:
    """Return the units in which a run sees its data.

    Args:
        data: The data.
        normalise: Whether observed numbers get mean 0 and deviation 1.
        rescale: Whether the box of allowed actions becomes [−1, 1].
    """
    return Units(
        observation=_standard(data.observation) if normalise else None,
        action=_unit_box(data.action_low, data.action_high) if rescale else None,
    )


def _standard(observation: "Floats") -> Affine | None:
    count = len(observation)
    pieces = [observation[rows] for rows in blocks(observation)]
    mean = sum(piece.sum(axis=0, dtype=np.float64) for piece in pieces) / count
    variance = sum(np.square(piece - mean).sum(axis=0) for piece in pieces) / count
    deviation = np.sqrt(variance)
    varies = deviation > SMALLEST_DEVIATION * np.abs(mean)
    scale = np.where(varies, deviation, 1.0)
    return Affine.of(mean.astype(np.float32), scale.astype(np.float32))


def _unit_box(low: "Floats", high: "Floats") -> Affine | None:
    with np.errstate(invalid="ignore"):  # an infinite bound; left as it is below
        center, scale = (high + low) / 2, (high - low) / 2
    bounded = np.isfinite(scale) & (scale > 0)
    ones = np.ones_like(scale)
    return Affine.of(np.where(bounded, center, 0 * ones), np.where(bounded, scale, ones))
