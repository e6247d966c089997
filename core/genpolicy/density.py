"""The log-density of any velocity model, in nats.

Along dx/dt = v(x, t) the density changes by d log p / dt = -div v, so with noise x_0 and sample x_1

    log p(x_1) = log N(x_0; 0, prior_std^2 I) - integral of div v dt.

Chen et al. 2018, eq. 8, arXiv 1806.07366. The state and its log-density are integrated together and
by the same solver, so that gradients are exact for what was computed. The divergence is exact, the
backward passes of all dimensions at once, or estimated along one probe, which is drawn once per
solve: Grathwohl et al. 2019, section 3.1, arXiv 1810.01367.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genpolicy.backbone import Field, VelocityBackbone
from genpolicy.shapes import sum_rows
from genpolicy.solver import OdeSolver

Velocity = Callable[[Tensor], Tensor]
"""A field at one time."""


def sample_with_log_prob(
    policy: VelocityBackbone,
    condition: Tensor,
    noise: Tensor,
    solver: OdeSolver,
    *,
    probe: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Carry noise to samples and return their log-density with them.

    Args:
        policy: The model.
        condition: ``[batch, condition]``.
        noise: ``[batch, *sample]``.
        solver: Integrates sample and log-density together.
        probe: A fixed direction per row, ``[batch, *sample]``, of zero mean and unit covariance,
            for an unbiased estimate of the divergence; ``None`` for the exact one.

    Returns:
        The samples, ``[batch, *sample]``, and log p(sample | condition), ``[batch]``.
    """
    field = _with_divergence(policy.field(condition), noise.shape, probe)
    state = torch.cat([noise.flatten(1), torch.zeros_like(noise.flatten(1)[:, :1])], dim=1)
    state = solver.integrate(field, state, solver.times(policy, noise))
    sample, change = state[:, :-1].reshape(noise.shape), state[:, -1]
    return sample, _prior_log_prob(noise, policy.prior_std) + change


def log_prob(
    policy: VelocityBackbone,
    sample: Tensor,
    condition: Tensor,
    solver: OdeSolver,
    *,
    probe: Tensor | None = None,
) -> Tensor:
    """Return log p(sample | condition), ``[batch]``, by carrying samples back to noise.

    Args:
        policy: The model.
        sample: ``[batch, *sample]``.
        condition: ``[batch, condition]``.
        solver: Integrates sample and log-density together.
        probe: As in :func:`sample_with_log_prob`.
    """
    field = _with_divergence(policy.field(condition), sample.shape, probe)
    state = torch.cat([sample.flatten(1), torch.zeros_like(sample.flatten(1)[:, :1])], dim=1)
    state = solver.integrate(field, state, solver.times(policy, sample).flip(0))
    noise, change = state[:, :-1].reshape(sample.shape), state[:, -1]
    return _prior_log_prob(noise, policy.prior_std) - change


def draw_probe(like: Tensor) -> Tensor:
    """Draw a Rademacher probe of the shape of ``like`` from torch's global random numbers."""
    return torch.randint_like(like, 2) * 2.0 - 1.0


def divergence(velocity: Velocity, x: Tensor, probe: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return a velocity at x and its divergence at every row, exact or along a probe.

    Args:
        velocity: A function of ``[batch, …]``, each row of which depends on its own alone. It may
            not checkpoint its activations (``torch.utils.checkpoint``): ``torch.func`` refuses
            what hooks into tensors that are saved for the backward pass.
        x: Where, ``[batch, …]``.
        probe: As in :func:`sample_with_log_prob`.

    Returns:
        ``[batch, …]`` and ``[batch]``.
    """
    value, pull_back, *_ = torch.func.vjp(velocity, x)
    if probe is not None:
        return value, sum_rows(pull_back(probe)[0] * probe)
    directions = _axes(x)
    rows = torch.func.vmap(lambda direction: pull_back(direction)[0])(directions)
    return value, (rows * directions).flatten(2).sum((0, 2))


def _axes(x: Tensor) -> Tensor:
    """Return every row's unit vectors, ``[dimensions, *x]``."""
    dimensions = x[0].numel()
    axes = torch.eye(dimensions, dtype=x.dtype, device=x.device)
    return axes.reshape(dimensions, 1, *x.shape[1:]).expand(-1, *x.shape)


def _with_divergence(field: Field, shape: torch.Size, probe: Tensor | None) -> Field:
    """Return the field of ``[batch, sample + 1]`` states whose last entry is a log-density."""

    def augmented(state: Tensor, t: Tensor) -> Tensor:
        x = state[:, :-1].reshape(shape)
        velocity, lost = divergence(lambda at: field(at, t), x, probe)
        return torch.cat([velocity.flatten(1), -lost[:, None]], dim=1)

    return augmented


def _prior_log_prob(noise: Tensor, std: float) -> Tensor:
    dimensions = noise[0].numel()
    constant = dimensions * (0.5 * math.log(2.0 * math.pi) + math.log(std))
    return -0.5 * sum_rows(noise**2) / std**2 - constant
