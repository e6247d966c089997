"""Guides: learned energies that lead a generative model's samples to where they are high."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from genpolicy.backbone import Model


class Guide(Model):
    """An energy of a noisy sample.

    It reads u = alpha_t x_t, so that its gradient at x_t, alpha_t times that at u, vanishes with
    alpha_t, as that of log E[exp(energy of a) | x_t] does.
    """

    ability: ClassVar[str] = "leads samples by an energy"

    @abstractmethod
    def energy(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the energy at u = alpha_t x_t, ``[batch]``.

        Args:
            x: u, ``[batch, *sample]``.
            t: A scalar or ``[batch]``.
            condition: ``[batch, condition]``.
        """

    def gradient(self, x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the energy's gradient at u, a constant, ``[batch, *sample]``."""
        with torch.enable_grad():
            at = x.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.energy(at, t, condition).sum(), at)
        return gradient
