"""How objectives weigh values against imitation: scale-free values, matching per dimension."""

from torch import Tensor

from genpolicy import Backbone, Batch, Critic, DifferentiableSolver


def scaled(q: Tensor) -> Tensor:
    """Return values by their mean size, a constant: what they are in whatever unit of reward."""
    return q / q.detach().abs().mean().clamp(min=1e-6)


def own_value(
    batch: Batch, policy: Backbone, critic: Critic, solver: DifferentiableSolver
) -> Tensor:
    """Return the value of the policy's own actions, with gradients through sampler and critic.

    Returns:
        ``[batch]``.
    """
    observation = batch.observation
    action = solver.sample(policy, observation, policy.draw_noise(observation))
    return critic.q(observation, action)


def matching_per_dimension(batch: Batch, policy: Backbone) -> Tensor:
    """Return the data's matching loss per dimension of an action, ``[batch]``.

    Twice the loss over the dimensions: for a half squared error the mean squared error that papers
    weigh values against.
    """
    matching = policy.matching_loss(batch.action, batch.observation)
    return 2.0 * matching / batch.action[0].numel()
