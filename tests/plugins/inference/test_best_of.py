import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from genpolicy.backbone import OneStepBackbone
from genpolicy.candidates import draw_candidates
from genpolicy.errors import FitError, OptionError
from genpolicy.recipe import make_recipe
from genpolicy_plugins.inference.best_of import BestOf
from genpolicy_plugins.solvers.jump import Jump

ROWS = 40_000


def _seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _by_action(observation: Tensor, action: Tensor) -> Tensor:
    return action[:, 0]


def _by_both(observation: Tensor, action: Tensor) -> Tensor:
    """Large actions are good where the observation is positive, small ones where it is not."""
    return observation[:, 0] * action[:, 0]


def _frequencies(chosen: Tensor, *actions: float) -> Tensor:
    return torch.tensor([float((chosen == action).sum()) for action in actions])


def test_each_row_takes_the_best_of_its_own_candidates(spread: Any, valued: Any) -> None:
    observation, policy = torch.tensor([[1.0], [-1.0], [2.0], [-3.0]]), spread(1.0)
    chosen = BestOf(candidates=7).act(observation, _seeded(), policy, Jump(), valued(_by_both))
    drawn = draw_candidates(policy, Jump(), observation, 7, _seeded())
    best = torch.stack([drawn[0].max(), drawn[1].min(), drawn[2].max(), drawn[3].min()])
    assert torch.equal(chosen[:, 0], best)


def test_one_candidate_is_a_sample_however_it_is_chosen(spread: Any, state_valued: Any) -> None:
    observation, policy, critic = torch.randn(5, 1), spread(1.0), state_valued(_by_action)
    for choose in ("argmax", "softmax", "expectile"):
        inference = BestOf(candidates=1, choose=choose)
        drawn = draw_candidates(policy, Jump(), observation, 1, _seeded())
        chosen = inference.act(observation, _seeded(), policy, Jump(), critic)
        assert torch.equal(chosen, drawn[:, 0])


def test_softmax_draws_by_value(
    spread: Any, listed: Any, valued: Any, chi_square: Callable[..., float]
) -> None:
    actions, inference = (0.0, 0.5, 2.0, -1.0), BestOf(candidates=4, choose="softmax", beta=1.5)
    observation = torch.ones(ROWS, 1)
    observation[::2] = -1.0
    chosen = inference.act(observation, _seeded(), spread(1.0), listed(*actions), valued(_by_both))[
        :, 0
    ]
    for sign, rows in ((-1.0, chosen[::2]), (1.0, chosen[1::2])):
        weights = [math.exp(1.5 * sign * action) for action in actions]
        shares = [weight / sum(weights) for weight in weights]
        assert chi_square(_frequencies(rows, *actions), shares) < 5.0


def test_softmax_tends_to_chance_and_to_the_best(
    spread: Any, listed: Any, valued: Any, chi_square: Callable[..., float]
) -> None:
    actions, parts = (0.0, 0.5, 2.0), (spread(1.0), listed(0.0, 0.5, 2.0), valued(_by_action))
    observation = torch.zeros(ROWS, 1)
    chance = BestOf(candidates=3, choose="softmax", beta=0.0).act(observation, _seeded(), *parts)
    assert chi_square(_frequencies(chance, *actions), [1 / 3] * 3) < 5.0
    best = BestOf(candidates=3, choose="softmax", beta=1e4).act(observation, _seeded(), *parts)
    assert bool((best == 2.0).all())


@pytest.mark.parametrize("value", [1.5, 1.0])
def test_expectile_draws_by_the_weights_of_idql(
    value: float, spread: Any, listed: Any, state_valued: Any, chi_square: Callable[..., float]
) -> None:
    """Q = 0, 1, 2, 3; what lies under V weighs 1 - 0.8, the rest, V itself included, 0.8."""
    actions, observation = (0.0, 1.0, 2.0, 3.0), torch.full((ROWS, 1), value)
    shares = [0.1, 0.1, 0.4, 0.4] if value == 1.5 else [2 / 26, 8 / 26, 8 / 26, 8 / 26]
    chosen = BestOf(candidates=4, choose="expectile").act(
        observation, _seeded(), spread(1.0), listed(*actions), state_valued(_by_action)
    )
    assert chi_square(_frequencies(chosen, *actions), shares) < 5.0


def test_expectile_looks_at_each_rows_own_value(
    spread: Any, listed: Any, state_valued: Any, chi_square: Callable[..., float]
) -> None:
    observation = torch.full((ROWS, 1), 9.0)  # all candidates are worse than V: chance
    observation[::2] = 0.5
    chosen = BestOf(candidates=2, choose="expectile").act(
        observation, _seeded(), spread(1.0), listed(0.0, 1.0), state_valued(_by_action)
    )
    assert chi_square(_frequencies(chosen[::2], 0.0, 1.0), [0.2, 0.8]) < 5.0
    assert chi_square(_frequencies(chosen[1::2], 0.0, 1.0), [0.5, 0.5]) < 5.0


def test_many_candidates_by_softmax_act_by_the_tilted_behaviour(spread: Any, valued: Any) -> None:
    """N(0, 0.8^2) times exp(2 a) is N(2 * 0.64, 0.8^2)."""
    inference = BestOf(candidates=256, choose="softmax", beta=2.0)
    parts = (spread(0.8), Jump(), valued(_by_action))
    chosen = inference.act(torch.zeros(4000, 1), _seeded(), *parts)
    # the bias of 256 candidates is some hundredths: the effective number of them is 256 e^-2.56
    assert float(chosen.mean()) == pytest.approx(1.28, abs=0.1)
    assert float(chosen.std()) == pytest.approx(0.8, abs=0.1)


def test_values_of_any_size_leave_a_choice(spread: Any, listed: Any, valued: Any) -> None:
    huge = valued(lambda observation, action: 1e30 * action[:, 0])
    inference = BestOf(candidates=3, choose="softmax", beta=100.0)
    chosen = inference.act(torch.zeros(9, 1), _seeded(), spread(1.0), listed(-1.0, 3.0, 2.0), huge)
    assert bool((chosen == 3.0).all())


def test_candidates_of_any_shape_are_chosen_whole(valued: Any) -> None:
    class Chunks(OneStepBackbone):
        def transport(self, noise: Tensor, condition: Tensor) -> Tensor:
            return noise

        def matching_loss(self, sample: Tensor, condition: Tensor) -> Tensor:
            raise NotImplementedError

    policy, first = Chunks((4, 2)), valued(lambda observation, action: action[:, 0, 0])
    rows = torch.zeros(5, 3)
    chosen = BestOf(candidates=6).act(rows, _seeded(), policy, Jump(), first)
    drawn = draw_candidates(policy, Jump(), rows, 6, _seeded())
    best = drawn[:, :, 0, 0].argmax(1)
    assert torch.equal(chosen, torch.stack([drawn[i, k] for i, k in enumerate(best)]))


def test_without_temperature_a_gaussians_candidates_are_its_mean(spread: Any, valued: Any) -> None:
    rows, inference = torch.randn(5, 1), BestOf(candidates=3, temperature=0.0)
    assert torch.equal(inference.act(rows, _seeded(), spread(1.0), Jump(), valued(_by_both)), rows)


def test_the_weights_of_idql_need_the_value_of_an_observation(
    small_recipe: Callable[..., Any],
) -> None:
    parts = ("inference=best-of:4", "inference.choose=expectile")
    small_recipe("idql", *parts)
    with pytest.raises(FitError, match=r"^best-of needs a critic that knows an expectile"):
        small_recipe("idql", *parts, "critic=double-q")
    small_recipe("idql", "inference=best-of:4", "critic=double-q")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"candidates": 0}, "'candidates' must be >= 1: 0"),
        ({"beta": -1}, "'beta' must be >= 0: -1"),
        ({"choose": "worst"}, "option 'choose' of inference best-of takes"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        make_recipe(BestOf, options, who="inference best-of")
