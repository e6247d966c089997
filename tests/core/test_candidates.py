from typing import Any

import torch
from torch import Tensor

from genpolicy.backbone import OneStepBackbone
from genpolicy.candidates import draw_candidates, value_candidates
from genpolicy.critic import Critic
from genpolicy.dataset import Batch
from genpolicy.objective import Loss


class Around(OneStepBackbone):
    """The condition plus noise."""

    def transport(self, noise: Tensor, condition: Tensor) -> Tensor:
        return condition + noise

    def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
        raise NotImplementedError


class Straight:
    """A solver that hands its generator to nobody."""

    def sample(
        self, policy: Around, condition: Tensor, noise: Tensor, generator: Any = None
    ) -> Tensor:
        return policy.transport(noise, condition)


class Product(Critic):
    """Q = s · a."""

    def q(self, observation: Tensor, action: Tensor) -> Tensor:
        return (observation * action.flatten(1)).sum(1)

    def loss(self, batch: Batch) -> Loss:
        raise NotImplementedError


CONDITION = torch.tensor([[100.0, 0.0], [0.0, -100.0], [5.0, 5.0]])


def _draw(count: int = 4, seed: int | None = 1, **options: float) -> Tensor:
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    policy: Any = Around((2,))
    solver: Any = Straight()
    return draw_candidates(policy, solver, CONDITION, count, generator, **options)


def test_candidates_lie_in_the_row_of_their_condition() -> None:
    drawn = _draw()
    assert drawn.shape == (3, 4, 2)
    assert float((drawn - CONDITION[:, None]).abs().max()) < 6.0


def test_every_candidate_is_a_draw_of_its_own() -> None:
    noise = (_draw() - CONDITION[:, None]).flatten(0, 1)
    assert len(noise.unique(dim=0)) == 12


def test_noise_is_scaled_by_the_temperature() -> None:
    torch.testing.assert_close(_draw(temperature=0.0), CONDITION[:, None].expand(3, 4, 2))
    cool, warm = (_draw(temperature=t) - CONDITION[:, None] for t in (0.5, 1.0))
    torch.testing.assert_close(cool, 0.5 * warm, atol=1e-4, rtol=0)


def test_noise_comes_from_the_generator_or_from_torchs_random_numbers() -> None:
    assert torch.equal(_draw(seed=1), _draw(seed=1))
    assert not torch.equal(_draw(seed=1), _draw(seed=2))
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(_draw(seed=None))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_values_lie_in_the_row_of_their_candidate() -> None:
    observation = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    candidates = torch.tensor([[[3.0, 9.0], [4.0, 9.0]], [[9.0, 5.0], [9.0, 6.0]]])
    values = value_candidates(Product(), observation, candidates)
    assert values.tolist() == [[3.0, 4.0], [10.0, 12.0]]


def test_candidates_of_any_shape_are_valued() -> None:
    observation = torch.randn(3, 8)
    candidates = torch.randn(3, 5, 4, 2)
    known = (observation[:, None] * candidates.flatten(2)).sum(2)
    torch.testing.assert_close(value_candidates(Product(), observation, candidates), known)
