"""Backbones: generative models of a sample given a condition, by what they can do.

A backbone neither knows nor cares whether a sample is an action, a chunk of actions or a plan.
What it can do is what it inherits: an objective or a solver asks for an ability by annotating an
argument with one of these classes.

::

    Backbone                          learns from samples
    ├── OneStepBackbone               sends noise straight to a sample
    │   └── ConsistencyBackbone     * and any x_t on its path
    │       └── FlowMapBackbone       and to any later time
    └── VelocityBackbone              knows its velocity, so an ODE solver can serve it
        └── DenoiserBackbone        * and its path, so data and noise follow
            └── GaussianPathBackbone  whose noise is independent of its samples, so the score does

    * also a PathBackbone             knows the path x_t = alpha_t a + sigma_t z

A flow map that knows its velocity as well is a ``FlowMapBackbone`` and a ``GaussianPathBackbone``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import attrs
import torch
from torch import Tensor, nn

from genpolicy.network import NetworkRecipe
from genpolicy.path import GaussianPath
from genpolicy.recipe import Recipe
from genpolicy.shapes import randn

Field = Callable[[Tensor, Tensor], Tensor]
"""A function of x_t ``[batch, *sample]`` and t (a scalar or ``[batch]``)."""


class Model(nn.Module):
    """Weights that train."""

    def after_step(self, progress: float) -> None:
        """Called after every optimiser step on these weights: move targets, advance schedules.

        What changes here is part of the model's ``state_dict``, parameters or buffers: only that is
        in a checkpoint.

        Args:
            progress: The share of the stage's steps that are taken, above 0 and up to 1.
        """


class Backbone(Model, ABC):
    """A generative model of a sample given a condition.

    Args:
        sample_shape: The shape of one sample.
    """

    ability: ClassVar[str] = "is any generative model"

    def __init__(self, sample_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.sample_shape = sample_shape

    @property
    def prior_std(self) -> float:
        """The standard deviation of the noise that a sample starts from."""
        return 1.0

    @property
    def time_span(self) -> tuple[float, float]:
        """The times between which noise becomes a sample."""
        return 0.0, 1.0

    def draw_noise(self, condition: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw what a sample starts from, one row per row of ``condition``, ``[batch, *sample]``.

        Without a generator torch's global random numbers are used, as in training.
        """
        shape = (condition.shape[0], *self.sample_shape)
        return self.prior_std * randn(shape, condition, generator)

    @abstractmethod
    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return how badly the model explains each sample.

        Args:
            sample: ``[batch, *sample]``.
            condition: ``[batch, condition]``.

        Returns:
            One loss per row, ``[batch]``, summed over a sample's dimensions.
        """


class OneStepBackbone(Backbone):
    """A backbone that sends noise straight to a sample."""

    ability: ClassVar[str] = "sends noise straight to a sample"

    @abstractmethod
    def transport(self, noise: Tensor, condition: Tensor) -> Tensor:
        """Return the samples that noise becomes, in one evaluation of the network.

        Args:
            noise: What ``draw_noise`` drew, ``[batch, *sample]``.
            condition: ``[batch, condition]``.

        Returns:
            ``[batch, *sample]``.
        """


class PathBackbone(Backbone):
    """A backbone that knows the path x_t = alpha_t a + sigma_t z between its noise and its samples.

    Args:
        sample_shape: The shape of one sample.
        path: The path.
    """

    ability: ClassVar[str] = "knows its path"

    def __init__(self, sample_shape: tuple[int, ...], path: GaussianPath) -> None:
        super().__init__(sample_shape)
        self.path = path

    @property
    def prior_std(self) -> float:
        """The standard deviation of the path's noise."""
        return self.path.prior_std

    @property
    def time_span(self) -> tuple[float, float]:
        """The path's times."""
        return self.path.start, self.path.end


class ConsistencyBackbone(OneStepBackbone, PathBackbone):
    """A backbone that jumps to a sample from any time of its path."""

    ability: ClassVar[str] = "jumps to a sample from any time"

    @abstractmethod
    def endpoint(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the sample at the end of the path from x_t, ``[batch, *sample]``.

        Args:
            x_t: ``[batch, *sample]``.
            t: A scalar or ``[batch]``.
            condition: ``[batch, condition]``.
        """

    def transport(self, noise: Tensor, condition: Tensor) -> Tensor:
        """Return the samples that noise becomes, in one jump."""
        return self.endpoint(noise, noise.new_full((), self.path.start), condition)


class FlowMapBackbone(ConsistencyBackbone):
    """A backbone that has learned the solution of its ODE: it jumps."""

    ability: ClassVar[str] = "jumps from any time to a later one"

    @abstractmethod
    def jump(self, x_t: Tensor, t: Tensor, s: Tensor, condition: Tensor) -> Tensor:
        """Return x_s from x_t, s at or after t, ``[batch, *sample]``; x_t itself where s is t."""

    def endpoint(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the sample at the end of the path, by one jump."""
        return self.jump(x_t, t, x_t.new_full((), self.path.end), condition)


class VelocityBackbone(Backbone):
    """A backbone that knows the velocity of the ODE from its noise to its samples."""

    ability: ClassVar[str] = "knows its velocity"

    @abstractmethod
    def field(self, condition: Tensor) -> Field:
        """Return the velocity as a function of x_t and t.

        What depends on the condition alone is computed here, once per solve.

        Args:
            condition: ``[batch, condition]``.
        """

    def velocity(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the velocity at x_t, ``[batch, *sample]``."""
        return self.field(condition)(x_t, t)


class DenoiserBackbone(VelocityBackbone, PathBackbone):
    """A velocity backbone that knows its path: expected data and noise follow.

    Both hold however noise and data are paired in training; the score needs independent noise.
    """

    ability: ClassVar[str] = "knows its velocity and its path"

    def denoiser(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the expected data given x_t, ``[batch, *sample]``."""
        return self.path.data_from_velocity(x_t, self.velocity(x_t, t, condition), t)


class GaussianPathBackbone(DenoiserBackbone):
    """A velocity backbone whose noise is independent of its samples: it knows its score."""

    ability: ClassVar[str] = "travels on a known Gaussian path"

    def score(self, x_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        """Return the gradient of log p(x_t), ``[batch, *sample]``; needs sigma_t > 0."""
        noise = self.path.noise_from_velocity(x_t, self.velocity(x_t, t, condition), t)
        return self.path.score_from_noise(noise, t)


@attrs.frozen(kw_only=True)
class SampleSpec:
    """What a backbone is built for.

    Args:
        sample_shape: The shape of one sample, such as ``(action,)``.
        condition_dim: The length of the condition vector, such as an observation's.
    """

    sample_shape: tuple[int, ...]
    condition_dim: int


class BackboneRecipe(Recipe, ABC):
    """A named backbone.

    ``default_solver`` names the solver that serves it when the user names none, as a user would:
    ``"jump:2"`` jumps twice. The class that ``build`` is annotated to return says what it can do.
    """

    default_solver: ClassVar[str] = "midpoint"

    @abstractmethod
    def build(self, spec: SampleSpec, network: NetworkRecipe) -> Backbone:
        """Return a backbone with fresh weights around a network of the given recipe."""
