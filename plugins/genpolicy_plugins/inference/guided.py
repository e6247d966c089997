"""A backbone whose expected sample is moved on the way, so that any solver of it is guided."""

from collections.abc import Callable

from torch import Tensor

from genpolicy import GaussianPathBackbone
from genpolicy.backbone import Field
from genpolicy.shapes import expand

Shift = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of x_t, t and the unguided velocity: by how much the velocity changes."""


class Guided(GaussianPathBackbone):
    """A backbone with a changed velocity.

    Args:
        backbone: What is guided.
        shift: Makes the change from a condition, once per solve.
    """

    def __init__(self, backbone: GaussianPathBackbone, shift: Callable[[Tensor], Shift]) -> None:
        super().__init__(backbone.sample_shape, backbone.path)
        self.backbone, self.shift = backbone, shift

    def field(self, condition: Tensor) -> Field:
        """Return the backbone's velocity, shifted."""
        velocity, shift = self.backbone.field(condition), self.shift(condition)

        def guided(x_t: Tensor, t: Tensor) -> Tensor:
            unguided = velocity(x_t, t)
            return unguided + shift(x_t, t, unguided)

        return guided

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        """Return the backbone's own."""
        return self.backbone.matching_loss(sample, condition)


def towards(backbone: GaussianPathBackbone, data_shift: Tensor, t: Tensor) -> Tensor:
    """Return the change of velocity that moves the expected sample by sigma_t^2 ``data_shift``.

    The velocity is (w a + d_sigma x) / sigma in the expected sample a, with
    w = d_alpha sigma - alpha d_sigma; so the change is w sigma times ``data_shift``, which is
    finite at both ends.
    """
    path = backbone.path
    return expand(path.w(t) * path.sigma(t), data_shift) * data_shift


def along(backbone: GaussianPathBackbone, push: Tensor, t: Tensor) -> Tensor:
    """Return the change of velocity that is ``push`` on the straight path.

    On any path x / (alpha + sigma) is on the straight one at time alpha / (alpha + sigma), whose
    derivative is w / (alpha + sigma)^2.
    """
    path = backbone.path
    return expand(path.w(t) / (path.alpha(t) + path.sigma(t)), push) * push
