"""The log-density of any velocity model, in nats.

Along dx/dt = v(x, t) the density changes by d log p / dt = -div v, so with noise x_0 and sample x_1

    log p(x_1) = log N(x_0; 0, prior_std^2 I) - integral of div v dt.

Chen et al. 2018, eq. 8, arXiv 1806.07366. The state and its log-density are integrated together and
by the same solver, so that gradients are exact for what was computed. The divergence is exact, one
backward pass per dimension, or estimated along one probe, which is drawn once per solve:
Grathwohl et al. 2019, section 3.1, arXiv 1810.01367.
"""

import math

import torch
from torch import Tensor

from genpolicy.backbone import Field, VelocityBackbone
from genpolicy.shapes import sum_rows
from genpolicy.solver import OdeSolver


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


def exact_divergence(velocity: Tensor, x: Tensor, *, create_graph: bool) -> Tensor:
    """Return the divergence of ``velocity``, computed from ``x``, at every row, ``[batch]``.

    Args:
        velocity: ``[batch, …]``; each row depends on the same row of ``x`` alone.
        x: ``[batch, …]``, part of the graph of ``velocity``.
        create_graph: Whether the result carries gradients.
    """
    columns = velocity.flatten(1).unbind(1)
    total = torch.zeros_like(columns[0])
    for index, column in enumerate(columns):
        gradient = _pull_back(column, x, torch.ones_like(column), create_graph)
        total = total + gradient.flatten(1)[:, index]
    return total


def _probed_divergence(velocity: Tensor, x: Tensor, probe: Tensor, create_graph: bool) -> Tensor:
    return sum_rows(_pull_back(velocity, x, probe, create_graph) * probe)


def _pull_back(output: Tensor, x: Tensor, weight: Tensor, create_graph: bool) -> Tensor:
    """Return the gradient of ``weight · output`` at ``x``, zero where it does not depend on it."""
    if not output.requires_grad:
        return torch.zeros_like(x)
    (gradient,) = torch.autograd.grad(
        output, x, weight, create_graph=create_graph, retain_graph=True, materialize_grads=True
    )
    return gradient


def _with_divergence(field: Field, shape: torch.Size, probe: Tensor | None) -> Field:
    """Return the field of ``[batch, sample + 1]`` states whose last entry is a log-density."""

    def augmented(state: Tensor, t: Tensor) -> Tensor:
        create_graph = torch.is_grad_enabled()
        with torch.enable_grad():
            x = state[:, :-1].reshape(shape)
            if not x.requires_grad:
                x = x.detach().requires_grad_()  # a copy of ours: its divergence needs a graph
            velocity = field(x, t)
            if probe is None:
                divergence = exact_divergence(velocity, x, create_graph=create_graph)
            else:
                divergence = _probed_divergence(velocity, x, probe, create_graph)
        change = torch.cat([velocity.flatten(1), -divergence[:, None]], dim=1)
        return change if create_graph else change.detach()

    return augmented


def _prior_log_prob(noise: Tensor, std: float) -> Tensor:
    dimensions = noise[0].numel()
    constant = dimensions * (0.5 * math.log(2.0 * math.pi) + math.log(std))
    return -0.5 * sum_rows(noise**2) / std**2 - constant
