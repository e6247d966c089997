"""Inference: how an agent picks the action it takes."""

from abc import ABC
from collections.abc import Callable
from typing import ClassVar

import attrs
from torch import Tensor

from genpolicy.recipe import Recipe


@attrs.frozen(kw_only=True)
class Inference(Recipe, ABC):
    """How an agent picks the action it takes.

    A subclass defines ``act(self, condition, generator, …)``, where ``condition`` is
    ``[batch, condition]``, ``generator`` draws the noise, and the further arguments, annotated,
    name what it needs: ``policy``, ``solver``, ``critic``. It returns ``[batch, *sample]``.
    """

    act: ClassVar[Callable[..., Tensor]]
