import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from genpolicy.critic import CriticSpec
from genpolicy.dataset import Batch, Dataset
from genpolicy.errors import OptionError
from genpolicy.recipe import make_recipe
from genpolicy_plugins.critics.double_q import DoubleQ, DoubleQCritic

SPEC = CriticSpec(observation_dim=1, action_shape=(1,))
BOXED = CriticSpec(
    observation_dim=1,
    action_shape=(1,),
    action_low=-np.ones(1, np.float32),
    action_high=np.ones(1, np.float32),
)
ONLINE = [(1.0, 1.0, 0.0), (2.0, 0.0, 0.0)]
"""Q1 = s + a, Q2 = 2 s."""
SLOW = [(1.0, 1.0, 1.0), (0.0, -1.0, 4.5)]
"""Qbar1 = s + a + 1, Qbar2 = 4.5 - a."""
SAME = [(0.0, 1.0, 0.0), (0.0, 1.0, 0.0)]
"""Qbar1 = Qbar2 = a."""

Linear = Callable[..., DoubleQCritic]
BatchMaker = Callable[..., Batch]


def _critic(set_linear: Linear, slow: Any = SLOW, spec: CriticSpec = SPEC, **options: Any) -> Any:
    critic = DoubleQ(discount=0.9, tau=0.25, hidden=(), **options).build(spec)
    return set_linear(critic, ONLINE, slow)


def test_the_loss_is_the_one_computed_by_hand(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    loss = _critic(set_linear).loss(make_batch(), policy, listed([0.5], [0.0]))
    # row 1: a' = 0.5 at s' = 2: Qbar = 3.5 and 4, backup = 1 + 0.9 * 3.5 = 4.15
    #        Q = 2 and 2:        2 * 2.15^2 = 9.245
    # row 2: it ends: backup = -1, Q = 8 and 16: 81 + 289 = 370
    assert float(loss.value.detach()) == pytest.approx((9.245 + 370.0) / 2)
    assert float(loss.metrics["q"]) == pytest.approx((2 + 2 + 8 + 16) / 4)
    assert float(loss.metrics["backup"]) == pytest.approx((4.15 - 1.0) / 2)


def test_a_terminal_stops_the_bootstrap_and_a_plain_step_does_not(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    loss = _critic(set_linear).loss(make_batch(terminal=0.0), policy, listed([0.5], [0.0]))
    # row 2 now: Qbar = 5 and 4.5 at s' = 4, backup = -1 + 0.9 * 4.5 = 3.05
    assert float(loss.metrics["backup"]) == pytest.approx((4.15 + 3.05) / 2)
    assert float(loss.value.detach()) == pytest.approx((9.245 + 4.95**2 + 12.95**2) / 2)


@pytest.mark.parametrize(("end", "backup"), [("terminal", -1.0), ("timeout", 3.05)])
def test_a_time_out_does_not_stop_the_bootstrap(
    end: str, backup: float, set_linear: Linear, policy: Any, listed: Any
) -> None:
    ends = {"terminal": np.zeros(1, np.bool_), "timeout": np.zeros(1, np.bool_)}
    ends[end][0] = True
    data = Dataset(
        name="one step",
        observation=np.full((1, 1), 8.0, np.float32),
        action=np.zeros((1, 1), np.float32),
        reward=np.array([-1.0], np.float32),
        next_observation=np.full((1, 1), 4.0, np.float32),
        action_low=-np.ones(1, np.float32),
        action_high=np.ones(1, np.float32),
        **ends,
    )
    batch = data.to_batch(torch.device("cpu"))
    loss = _critic(set_linear).loss(batch, policy, listed([0.0]))
    assert float(loss.metrics["backup"]) == pytest.approx(backup)


def test_the_mean_may_stand_for_the_smaller_one(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    batch, solver = make_batch(), listed([0.5], [0.0])
    critic = _critic(set_linear, aggregate="mean")
    assert critic.next_value(batch, policy, solver).tolist() == [3.75, 4.75]
    assert critic.q(batch.observation, batch.action).tolist() == [2.0, 12.0]
    lower = _critic(set_linear)
    assert lower.next_value(batch, policy, solver).tolist() == [3.5, 4.5]
    assert lower.q(batch.observation, batch.action).tolist() == [2.0, 8.0]


def test_the_best_of_several_next_actions_is_each_members_own(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    """Row 1: Qbar1 = 3, 4, 5 and Qbar2 = 4.5, 3.5, 2.5; the best of their minima is only 3.5.

    Row 2: Qbar1 = 4, 5, 3 and Qbar2 = 5.5, 4.5, 6.5.
    """
    critic, solver = _critic(set_linear, candidates=3), listed([0.0, 1.0, 2.0], [-1.0, 0.0, -2.0])
    assert critic.next_value(make_batch(), policy, solver).tolist() == [4.5, 5.0]


def test_a_next_action_has_a_price_by_its_distance_from_the_datas(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    critic, solver = _critic(set_linear, penalty=2.0), listed([0.5], [0.0])
    values = critic.next_value(make_batch(next_action=(1.0, 3.0)), policy, solver)
    # 3.5 - 2 * 0.5^2 and 4.5 - 2 * 3^2
    assert values.tolist() == [3.0, -13.5]


def test_each_candidate_has_its_own_price(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    """Row 1, from 0 and 2: Qbar1 = 3, 5 and Qbar2 = 4.5, 2.5, less 2 * 0 and 2 * 4.

    Row 2, from 0 and 1: Qbar1 = 5, 6 and Qbar2 = 4.5, 3.5, less 2 * 1 and 2 * 0.
    """
    critic, solver = _critic(set_linear, penalty=2.0, candidates=2), listed([0.0, 2.0], [0.0, 1.0])
    values = critic.next_value(make_batch(next_action=(0.0, 1.0)), policy, solver)
    assert values.tolist() == [3.0, 3.5]


def test_the_price_is_that_of_the_action_that_would_be_taken(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    """3 and -2 are taken as 1 and -1."""
    critic = _critic(set_linear, SAME, BOXED, penalty=2.0)
    batch = make_batch(next_action=(0.5, -1.0))
    values = critic.next_value(batch, policy, listed([3.0], [-2.0]))
    assert values.tolist() == [1.0 - 2.0 * 0.25, -1.0]


def test_noise_on_next_actions_is_clipped(
    set_linear: Linear, make_batch: BatchMaker, policy: Any, listed: Any
) -> None:
    torch.manual_seed(0)
    rows = [[0.0] * 100, [7.0] * 100]
    critic = _critic(set_linear, SAME, candidates=100, noise=1.0, noise_clip=0.5)
    best = critic.next_value(make_batch(), policy, listed(*rows))
    torch.testing.assert_close(best, torch.tensor([0.5, 7.5]))


def test_noise_on_next_actions_has_the_width_asked_for(
    set_linear: Linear, policy: Any, listed: Any
) -> None:
    torch.manual_seed(0)
    rows = 40_000
    zero = torch.zeros(rows, 1)
    batch = Batch(
        observation=zero,
        action=zero,
        reward=zero[:, 0],
        next_observation=zero,
        terminal=zero[:, 0],
        next_action=zero,
    )
    critic = _critic(set_linear, SAME, noise=0.2, noise_clip=10.0)
    values = critic.next_value(batch, policy, listed(*[[1.0]] * rows)).detach()
    assert float(values.std()) == pytest.approx(0.2, abs=5 * 0.2 / math.sqrt(2 * rows))
    assert float(values.mean()) == pytest.approx(1.0, abs=5 * 0.2 / math.sqrt(rows))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"candidates": 0}, "'candidates' must be >= 1: 0"),
        ({"noise": -1}, "'noise' must be >= 0: -1"),
        ({"noise_clip": 0}, "'noise_clip' must be > 0: 0"),
        ({"penalty": -1}, "'penalty' must be >= 0: -1"),
        ({"aggregate": "max"}, "option 'aggregate' of critic double-q takes"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(OptionError, match=sentence):
        make_recipe(DoubleQ, options, who="critic double-q")
