"""Guides: learned energies that lead a generative model's samples to where they are high.

An energy f of a noisy sample reads

    u = alpha_t x_t / (alpha_t^2 + sigma_t^2),

which is E[a | x_t] for data of mean 0 and variance 1: of the data's size at every noise level, and
with the factor alpha_t that the gradient of log E[exp(energy of a) | x_t] has by Bayes' rule. So
what f moves the expected data by, sigma_t^2 / alpha_t grad f, is finite where alpha_t vanishes.
"""

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from genpolicy.backbone import Model
from genpolicy.gradients import gradient_at
from genpolicy.path import GaussianPath
from genpolicy.shapes import expand


class Guide(Model):
    """An energy of a noisy sample."""

    ability: ClassVar[str] = "leads samples by an energy"

    @abstractmethod
    def read(self, u: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return f at u, ``[batch]``.

        Args:
            u: ``[batch, *sample]``.
            t: A scalar or ``[batch]``.
            condition: ``[batch, condition]``.
        """

    def energy(self, path: GaussianPath, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return f of samples on a path, ``[batch]``."""
        return self.read(_shown(path, x_t, t), t, condition)

    def pull(self, path: GaussianPath, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return grad f / alpha_t, a constant, ``[batch, *sample]``: sigma_t^2 of it moves E[a]."""
        gradient, _ = gradient_at(lambda u: self.read(u, t, condition), _shown(path, x_t, t))
        return gradient / expand(_scale(path, t), x_t)


def _shown(path: GaussianPath, x_t: Tensor, t: Tensor) -> Tensor:
    return expand(path.alpha(t) / _scale(path, t), x_t) * x_t


def _scale(path: GaussianPath, t: Tensor) -> Tensor:
    return path.alpha(t) ** 2 + path.sigma(t) ** 2
