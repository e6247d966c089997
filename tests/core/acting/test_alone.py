"""One observation at a time: what a captured graph does is what the parts do."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import genpolicy
from genpolicy.acting.alone import CALLS_BEFORE
from genpolicy.acting.captured import capture
from genpolicy.composition.agent_recipe import BASES
from genpolicy.discovery.catalogue import load_catalogue

OBSERVATION = np.array([0.3, -1.2, 0.5], np.float32)
BACKBONES = [
    p.spec.name for p in load_catalogue().parts("backbone") if p.distribution == "genpolicy"
]
OTHERS = {
    "best": ("idql", "inference=best-of:3"),
    "softmax": ("idql", "inference=best-of:3", "inference.choose=softmax"),
    "expectile": ("idql", "inference=best-of:3", "inference.choose=expectile"),
    "ddpm": ("bc", "solver=ddpm:3"),
    "sde": ("bc", "solver=sde:3"),
    "dpm-solver++": ("bc", "solver=dpm-solver++:3"),
    "student": ("fql",),
}


def _seeded(seed=3):
    return torch.Generator().manual_seed(seed)


def _captured(agent):
    for _ in range(CALLS_BEFORE):
        agent.act(OBSERVATION, _seeded())
    return agent._alone._captured


def _agree(agent):
    """Whether a captured agent acts and draws as its parts do, by a generator and without."""
    for seed in range(3):
        observation, (one, other) = OBSERVATION * seed, (_seeded(seed), _seeded(seed))
        expected = agent.decide(torch.as_tensor(observation)[None], one)[0]
        np.testing.assert_allclose(
            agent.act(observation, other), expected.detach(), rtol=1e-6, atol=1e-6
        )
        assert torch.equal(one.get_state(), other.get_state())
    torch.manual_seed(0)
    expected = agent.decide(torch.as_tensor(OBSERVATION)[None])[0]
    torch.manual_seed(0)
    np.testing.assert_allclose(agent.act(OBSERVATION), expected.detach(), rtol=1e-6, atol=1e-6)


class _Branching(nn.Module):
    """A network that reads a layer before its activation and after, and one that it activates."""

    def __init__(self, activation):
        super().__init__()
        self.one, self.two = nn.Linear(3, 16), nn.Linear(16, 2)
        self.activation = activation

    def forward(self, x):
        before = self.one(x)
        after = self.activation(before)
        return self.two(self.activation(self.one(after[:, :3])) + before * after)


@pytest.mark.parametrize("activation", [nn.SiLU(), nn.ReLU(), nn.Tanh(), nn.GELU()])
def test_what_is_read_again_is_not_written_over(activation):
    torch.manual_seed(0)
    network = _Branching(activation).requires_grad_(False)
    observation = torch.as_tensor(OBSERVATION)[None]
    captured = capture(lambda x, _: network(x), {"network": network}, observation)
    for _ in range(3):
        torch.testing.assert_close(captured(observation, None), network(observation))
    kinds = [node.kind() for node in captured.graph.graph.nodes()]
    name = type(activation).__name__.lower()
    assert sorted(kind for kind in kinds if name in kind) == [f"aten::{name}", f"aten::{name}_"]


class _Writing(nn.Module):
    """A network that writes into a layer itself, beside what looks at the same memory."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(3, 16)

    def forward(self, x):
        layer = self.one(x)
        same = layer.view(-1)
        layer += 1.0
        return torch.relu(layer) + same * 1.0


def test_what_a_part_writes_over_itself_is_left_to_it():
    torch.manual_seed(0)
    network = _Writing().requires_grad_(False)
    observation = torch.as_tensor(OBSERVATION)[None]
    captured = capture(lambda x, _: network(x), {"network": network}, observation)
    for seed in range(5):
        torch.manual_seed(seed)
        observation = 3.0 * torch.randn(1, 3)
        torch.testing.assert_close(captured(observation, None), network(observation))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_is_captured(backbone, make_agent):
    agent = make_agent("bc", f"backbone={backbone}", f"solver={_default_solver(backbone)}")
    assert _captured(agent) is not None
    _agree(agent)


@pytest.mark.slow
@pytest.mark.parametrize("settings", OTHERS.values(), ids=OTHERS)
def test_every_inference_is_captured(settings, make_agent):
    agent = make_agent(*settings)
    assert _captured(agent) is not None
    _agree(agent)


@pytest.mark.parametrize(
    "settings",
    [
        ("bc", "solver=dopri5"),
        ("bc", "solver=torchdiffeq:rk4"),
        ("idql", "inference=guidance"),
        ("qgpo",),
    ],
)
def test_what_reads_its_error_or_takes_gradients_is_not_captured_and_acts(settings, make_agent):
    agent = make_agent(*settings)
    assert _captured(agent) is None
    _agree(agent)


def test_a_few_calls_are_not_worth_a_capture(make_agent):
    agent = make_agent("bc")
    for _ in range(CALLS_BEFORE - 1):
        agent.act(OBSERVATION)
    assert agent._alone._captured is None


def test_the_present_weights_act(make_agent):
    agent = make_agent("bc")
    assert _captured(agent) is not None
    before, policy = agent.act(OBSERVATION, _seeded()), agent.models.roles["policy"]
    policy.load_state_dict({key: 0.5 * value for key, value in policy.state_dict().items()})
    assert not np.allclose(agent.act(OBSERVATION, _seeded()), before)
    _agree(agent)
    assert _captured(agent) is not None
    _agree(agent)


def _replace(policy):
    module = next(m for m in policy.modules() if isinstance(m, nn.Linear))
    module.weight = nn.Parameter(-module.weight, requires_grad=False)


def _replace_module(policy):
    owner = next(m for m in policy.modules() if any(isinstance(c, nn.Linear) for c in m.children()))
    name, layer = next((n, c) for n, c in owner.named_children() if isinstance(c, nn.Linear))
    layer = copy.deepcopy(layer)
    layer.weight.mul_(-1)
    setattr(owner, name, layer)


def _assign(policy):
    state = {key: 0.5 * value for key, value in policy.state_dict().items()}
    policy.load_state_dict(state, assign=True)
    policy.requires_grad_(False)


def _set_data(policy):
    for weight in policy.parameters():
        weight.data = 0.5 * weight.data


def _set_data_twice(policy):
    """The second time to memory that the first has left, if that were free."""
    for weight in policy.parameters():
        first, shape = 0.5 * weight.data, weight.shape
        weight.data = first
        weight.data = torch.full(shape, 0.1)


def _mul(policy):
    for weight in policy.parameters():
        weight.mul_(0.5)


CHANGES = [_replace, _replace_module, _assign, _set_data, _set_data_twice, _mul]


@pytest.mark.parametrize("change", CHANGES)
def test_changed_weights_act(change, make_agent):
    agent = make_agent("bc")
    assert _captured(agent) is not None
    before = agent.act(OBSERVATION, _seeded())
    with torch.no_grad():
        change(agent.models.roles["policy"])
    assert not np.allclose(agent.act(OBSERVATION, _seeded()), before)
    _agree(agent)
    assert _captured(agent) is not None
    _agree(agent)


def test_weights_changed_behind_torch_act_once_the_graph_is_forgotten(make_agent):
    agent = make_agent("bc")
    assert _captured(agent) is not None
    for weight in agent.models.roles["policy"].parameters():
        weight.data.mul_(0.5)
    agent.forget_captured()
    _agree(agent)
    assert _captured(agent) is not None
    _agree(agent)


def test_an_agent_from_training_is_never_captured(learnt):
    agent = learnt("bc")
    for model in agent.models.all().values():
        model.eval().requires_grad_(False)
    for _ in range(2 * CALLS_BEFORE):
        agent.act(OBSERVATION)
    for weight in agent.models.roles["policy"].parameters():
        weight.data.mul_(0.5)
    agent.forget_captured()
    _agree(agent)
    assert agent._alone is None


@pytest.mark.parametrize("acts_so", [True, False])
def test_an_agent_loaded_in_inference_mode_acts(acts_so, learnt, tmp_path):
    learnt("bc").save(tmp_path / "agent")
    expected = genpolicy.load(tmp_path / "agent").act(OBSERVATION, _seeded())
    with torch.inference_mode():
        agent = genpolicy.load(tmp_path / "agent")
    with torch.inference_mode(acts_so):
        for _ in range(2 * CALLS_BEFORE):
            np.testing.assert_allclose(agent.act(OBSERVATION, _seeded()), expected, atol=1e-6)
        assert agent._alone._captured is not None


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
def test_a_copy_of_a_captured_agent_acts_by_its_own_weights(copied, make_agent):
    agent = make_agent("bc")
    assert _captured(agent) is not None
    before, twin = agent.act(OBSERVATION, _seeded()), copied(agent)
    np.testing.assert_allclose(twin.act(OBSERVATION, _seeded()), before, rtol=1e-6, atol=1e-6)
    assert twin._alone._captured is None
    assert agent._alone._captured is not None
    with torch.no_grad():
        _mul(twin.models.roles["policy"])
    assert _captured(twin) is not None
    _agree(twin)
    assert np.array_equal(agent.act(OBSERVATION, _seeded()), before)


@pytest.mark.parametrize("fused", [True, False])
def test_weights_in_training_act_as_they_are(fused, make_agent):
    agent = make_agent("bc")
    assert _captured(agent) is not None
    policy = agent.models.roles["policy"].requires_grad_(True)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.1, fused=fused)
    for _ in range(2 * CALLS_BEFORE):
        sum(weight.sum() for weight in policy.parameters()).backward()
        optimizer.step()
        _agree(agent)
    assert agent._alone._captured is None


def test_weights_that_keep_changing_are_never_captured(make_agent):
    agent = make_agent("bc")
    weight = next(agent.models.roles["policy"].parameters())
    for _ in range(3 * CALLS_BEFORE):
        agent.act(OBSERVATION)
        weight.mul_(1.01)
    assert agent._alone._captured is None


def test_a_captured_agent_in_training_mode_drops_out(make_agent):
    agent = make_agent("bc", "network=residual-mlp", "network.width=8", "network.dropout=0.5")
    assert _captured(agent) is not None
    still = agent.act(OBSERVATION, _seeded())
    assert np.array_equal(agent.act(OBSERVATION, _seeded()), still)
    agent.models.roles["policy"].train()
    assert not np.array_equal(agent.act(OBSERVATION, _seeded()), still)


def test_capturing_leaves_models_in_their_mode_and_random_numbers_alone(make_agent):
    agent = make_agent("bc")
    modules = [m for model in agent.models.all().values() for m in model.modules()]
    modes = [module.training for module in modules]
    generator, other = _seeded(), _seeded()
    for _ in range(CALLS_BEFORE):
        action = agent.act(OBSERVATION, generator)
        expected = agent.decide(torch.as_tensor(OBSERVATION)[None], other)[0]
        np.testing.assert_allclose(action, expected.detach(), atol=1e-6)
    assert [module.training for module in modules] == modes


def test_a_batch_is_never_captured(make_agent):
    agent = make_agent("bc")
    for _ in range(2 * CALLS_BEFORE):
        agent.act(OBSERVATION[None])
    assert agent._alone._captured is None


def _default_solver(backbone):
    catalogue = load_catalogue()
    recipe = catalogue.load(catalogue.find("backbone", backbone), BASES["backbone"])
    return recipe.default_solver
