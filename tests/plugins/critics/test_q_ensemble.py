"""What holds for every critic."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

import genpolicy
from genpolicy.agent import shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.critic import CriticRecipe, CriticSpec
from genpolicy.dataset import Dataset
from genpolicy.testing import CriticSuite
from genpolicy.training.learner import Learner
from genpolicy.transforms.chunks import in_chunks
from genpolicy_plugins.critics.double_q import DoubleQ
from genpolicy_plugins.critics.ensemble import Ensemble
from genpolicy_plugins.critics.in_sample_softmax import InSampleSoftmax
from genpolicy_plugins.critics.iql import IQL

CRITICS: dict[str, Any] = {
    "iql": IQL,
    "double-q": DoubleQ,
    "in-sample-softmax": InSampleSoftmax,
    "ensemble": Ensemble,
}
VARIANTS: dict[str, CriticRecipe] = {
    **{name: make(hidden=(32, 32)) for name, make in CRITICS.items()},
    "iql-mean": IQL(hidden=(32, 32), expectile=0.5, layer_norm=True),
    "double-q-climbing-mean": DoubleQ(hidden=(32, 32), aggregate="mean", climbs="mean"),
    "double-q-several": DoubleQ(hidden=(32, 32), candidates=3, noise=0.2),
    "in-sample-softmax-planning": InSampleSoftmax(hidden=(32, 32), candidates=3, planning=True),
}
CPU = torch.device("cpu")

every_critic = pytest.mark.parametrize("make", CRITICS.values(), ids=CRITICS)


def _spec(shape: tuple[int, ...] = (2,), low: Any = None, high: Any = None) -> CriticSpec:
    ends = {"action_low": low, "action_high": high}
    arrays = {k: None if v is None else np.asarray(v, np.float32) for k, v in ends.items()}
    return CriticSpec(observation_dim=3, action_shape=shape, **arrays)


def _moved(critic: Any) -> Any:
    """Take the slow copies away from the online values."""
    with torch.no_grad():
        for weight in critic.online.parameters():
            weight.add_(torch.randn_like(weight))
    return critic


class TestEveryCritic(CriticSuite):
    @pytest.fixture(params=VARIANTS)
    def part(self, request: pytest.FixtureRequest) -> CriticRecipe:
        return VARIANTS[request.param]


def test_every_shipped_critic_is_tested_here(catalogue: Any) -> None:
    assert set(CRITICS) == {part.spec.name for part in catalogue.parts("critic")}


@every_critic
def test_a_box_is_no_weight_and_in_no_checkpoint(make: Any) -> None:
    torch.manual_seed(0)
    critic = _moved(make(hidden=(8,)).build(_spec(low=[-1.0, 0.0], high=[2.0, 0.5])))
    observation, action = torch.randn(64, 3), 3.0 * torch.randn(64, 2)
    inside = action.clamp(torch.tensor([-1.0, 0.0]), torch.tensor([2.0, 0.5]))
    torch.testing.assert_close(
        critic.target_q(observation, action), critic.target_q(observation, inside)
    )
    free = make(hidden=(8,)).build(_spec())
    free.load_state_dict(critic.state_dict())
    assert not torch.equal(free.q(observation, action), critic.q(observation, action))
    torch.testing.assert_close(free.q(observation, inside), critic.q(observation, inside))


@every_critic
def test_slow_values_start_as_the_online_ones(make: Any) -> None:
    critic = make(hidden=(8,)).build(_spec())
    for slow, fast in zip(critic.target.parameters(), critic.online.parameters(), strict=True):
        assert torch.equal(slow, fast)


@every_critic
def test_outside_the_box_a_value_is_flat_and_inside_it_is_not(make: Any) -> None:
    torch.manual_seed(0)
    critic = make(hidden=(8,), activation="tanh").build(_spec(low=[-1, -1], high=[1, 1]))
    action = torch.tensor([[0.5, -0.5], [1.5, 0.2], [-3.0, 7.0]], requires_grad=True)
    critic.q(torch.randn(3, 3), action).sum().backward()
    assert action.grad is not None
    assert (action.grad != 0.0).tolist() == [[True, True], [False, True], [False, False]]


@every_critic
@pytest.mark.parametrize("low", [[-1.0, -2.0], [[-1.0, -2.0]] * 3 + [[0.0, 0.0]]])
def test_chunks_lie_in_a_box_per_dimension_or_per_number(make: Any, low: Any) -> None:
    critic = make(hidden=(8,)).build(_spec((4, 2), low=low, high=[1.0, 1.0]))
    observation, action = torch.randn(5, 3), -9.0 * torch.ones(5, 4, 2)
    corner = torch.as_tensor(low).expand(4, 2).expand(5, 4, 2)
    torch.testing.assert_close(critic.q(observation, action), critic.q(observation, corner))


@every_critic
def test_a_box_of_any_precision_does_for_a_critic_of_any(make: Any) -> None:
    spec = attrs.evolve(_spec(), action_low=-np.ones(2), action_high=np.ones(2))
    critic = make(hidden=(8,)).build(spec)
    assert critic.q(torch.randn(5, 3), torch.randn(5, 2)).dtype is torch.float32
    rows = torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)
    assert critic.double().q(*rows).dtype is torch.float64


@every_critic
def test_one_bound_will_do(make: Any) -> None:
    critic = make(hidden=(8,)).build(_spec(high=[0.0, 0.0]))
    observation = torch.randn(5, 3)
    zero = torch.zeros(5, 2)
    assert torch.equal(critic.q(observation, zero + 4.0), critic.q(observation, zero))
    assert not torch.equal(critic.q(observation, zero - 4.0), critic.q(observation, zero))


@every_critic
@pytest.mark.parametrize("activation", ["relu", "gelu", "mish", "silu", "tanh"])
def test_the_activation_is_the_one_named(make: Any, activation: str) -> None:
    """One unit that reads the first number of the observation, and a sum."""
    critic = make(hidden=(1,), activation=activation).build(_spec())
    with torch.no_grad():
        for weight in critic.online.parameters():
            weight.zero_()
        critic.online.weights[0][:, 0] = 1.0
        critic.online.weights[1].fill_(1.0)
    observation = torch.linspace(-2.0, 2.0, 9)[:, None].expand(9, 3)
    function: Callable[[Tensor], Tensor] = getattr(functional, activation)
    if activation == "tanh":
        function = torch.tanh
    values = critic.q(observation, torch.zeros(9, 2))
    torch.testing.assert_close(values, function(observation[:, 0]))


@every_critic
def test_layer_norm_takes_the_size_out_of_what_a_layer_says(make: Any) -> None:
    torch.manual_seed(0)
    observation, action = torch.randn(6, 3), torch.randn(6, 2)
    changes = []
    for layer_norm in (True, False):
        critic = make(hidden=(16, 16), layer_norm=layer_norm).build(_spec())
        before = critic.q(observation, action)
        with torch.no_grad():
            critic.online.weights[0].mul_(5.0)
            critic.online.biases[0].mul_(5.0)
        changes.append(float((critic.q(observation, action) - before).detach().abs().max()))
    assert changes[0] < 1e-3 < 1e-2 < changes[1]


@every_critic
def test_layer_norm_has_weights_of_every_members_own(make: Any) -> None:
    critic = make(hidden=(8,), layer_norm=True).build(_spec())
    rows = torch.randn(4, 5)
    before = critic.online(rows)
    with torch.no_grad():
        critic.online.norms[0].shift[1].add_(1.0)
    changed = (critic.online(rows) != before).any(1).tolist()
    assert changed == [False, True, *[False] * (len(before) - 2)]


@pytest.mark.parametrize("objective", ["gtp", "fql", "idql"])
def test_the_box_of_the_data_reaches_the_critic_and_stays_with_the_agent(
    objective: str,
    small_recipe: Callable[..., AgentRecipe],
    make_dataset: Callable[..., Dataset],
    tmp_path: Path,
) -> None:
    data, bounds = make_dataset(), np.array([0.25, 0.5], np.float32)
    inside = np.clip(data.action, -bounds, bounds)
    data = attrs.evolve(data, action=inside, action_low=-bounds, action_high=bounds)
    parts = ("critic=double-q", "inference=best-of:3")
    learner = Learner(small_recipe(objective, *parts), shapes_of(data), CPU)
    observation, far = torch.randn(5, 3), 9.0 * torch.ones(5, 2)
    corner = torch.as_tensor(bounds).expand(5, 2)
    agent = learner.agent(learner.recipe.objective.acting_role, data, "run")
    agent.save(tmp_path / "agent")
    loaded = genpolicy.load(tmp_path / "agent")
    for critic in (learner.models.critic, loaded.models.critic):
        assert critic is not None
        assert torch.equal(critic.q(observation, far), critic.q(observation, corner))
    noise = [torch.Generator().manual_seed(1) for _ in range(2)]
    actions = [a.act(observation.numpy(), n) for a, n in zip((agent, loaded), noise, strict=True)]
    assert np.array_equal(*actions)
    assert (np.abs(actions[0]) <= bounds).all()


def test_chunks_of_actions_pass_through_a_whole_agent(
    small_recipe: Callable[..., AgentRecipe], make_dataset: Callable[..., Dataset], tmp_path: Path
) -> None:
    data = in_chunks(make_dataset(), 4)
    options = ("critic.penalty=0.1", "critic.candidates=2", "critic.noise=0.1")
    recipe = small_recipe("td3-bc", "solver=jump", *options)
    learner = Learner(recipe, shapes_of(data), CPU)
    updates = learner.enter(0, learner.recipe.objective.stages()[0])
    learner.take_step(data.to_batch(CPU), updates)
    assert learner.not_finite() is None
    agent = learner.agent("policy", data, "run")
    agent.save(tmp_path / "agent")
    action = genpolicy.load(tmp_path / "agent").act(data.observation[:3])
    assert action.shape == (3, 4, 2)
