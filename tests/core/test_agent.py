import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch

import genpolicy
from genpolicy.agent import Agent, shapes_of
from genpolicy.composition.agent_recipe import AgentRecipe
from genpolicy.dataset import Dataset
from genpolicy.discovery.catalogue import Catalogue
from genpolicy.errors import (
    BrokenPartError,
    CheckpointError,
    OptionError,
    UnknownPartError,
    UsageError,
)
from genpolicy.training.learner import Learner
from genpolicy.transforms import Units, units_of
from genpolicy.transforms.units import Affine

Maker = Callable[..., AgentRecipe]
DataMaker = Callable[..., Dataset]

OBSERVATIONS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def _noise(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def agent(small_recipe: Maker, make_dataset: DataMaker) -> Agent:
    return _agent(small_recipe("gmpo"), make_dataset())


def _agent(recipe: AgentRecipe, data: Dataset) -> Agent:
    torch.manual_seed(0)
    learner = Learner(recipe, shapes_of(data), torch.device("cpu"))
    return learner.agent("policy", data, "run7")


def _alter(folder: Path, **facts: Any) -> None:
    path = folder / "agent.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


@pytest.mark.parametrize("backbone", ["flow", "diffusion"])
def test_a_saved_agent_acts_as_before(
    backbone: str, small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    agent = _agent(small_recipe("gmpg", f"backbone={backbone}"), make_dataset())
    agent.save(tmp_path / "agent")
    loaded = genpolicy.load(tmp_path / "agent")
    assert np.array_equal(agent.act(OBSERVATIONS, _noise()), loaded.act(OBSERVATIONS, _noise()))
    assert loaded.recipe.hash() == agent.recipe.hash()
    assert loaded.run == "run7"


def _in_its_units(data: Dataset) -> Dataset:
    """The data in an environment of other numbers, in whose units a model sees the same."""
    wide = attrs.evolve(
        data,
        observation=100.0 + 3.0 * data.observation,
        action=5.0 * data.action + 1.0,
        action_low=5.0 * data.action_low + 1.0,
        action_high=5.0 * data.action_high + 1.0,
    )
    seen = Affine.of(np.full(3, 100.0, np.float32), np.full(3, 3.0, np.float32))
    done = units_of(wide, normalise=False, rescale=True).action
    return attrs.evolve(wide, units=Units(observation=seen, action=done))


def test_an_agent_sees_and_acts_in_the_environments_numbers(
    small_recipe: Maker, make_dataset: DataMaker, tmp_path: Path
) -> None:
    plain = _agent(small_recipe("gmpo"), make_dataset())
    other = _agent(small_recipe("gmpo"), _in_its_units(make_dataset()))
    expected = 5.0 * plain.act(OBSERVATIONS, _noise()) + 1.0
    wide = 100.0 + 3.0 * OBSERVATIONS
    np.testing.assert_allclose(other.act(wide, _noise()), expected, rtol=1e-4, atol=1e-4)
    other.save(tmp_path)
    assert np.array_equal(Agent.load(tmp_path).act(wide, _noise()), other.act(wide, _noise()))


def test_an_agent_of_the_first_layout_acts_in_its_models_numbers(
    agent: Agent, tmp_path: Path
) -> None:
    agent.save(tmp_path)
    path = tmp_path / "agent.json"
    facts = json.loads(path.read_text())
    del facts["units"]
    path.write_text(json.dumps({**facts, "format": 1}))
    loaded = Agent.load(tmp_path)
    assert np.array_equal(loaded.act(OBSERVATIONS, _noise()), agent.act(OBSERVATIONS, _noise()))


def test_saving_tells_what_was_written(agent: Agent, tmp_path: Path) -> None:
    record = agent.save(tmp_path / "agent")
    weights = tmp_path / "agent" / "weights.safetensors"
    assert record.kind == "agent"
    assert record.path == str((tmp_path / "agent").resolve())
    assert record.bytes == weights.stat().st_size
    facts = json.loads((tmp_path / "agent" / "agent.json").read_text())
    assert facts["sha256"] == record.sha256
    assert facts["distributions"]["genpolicy"] == genpolicy.__version__
    assert sorted(path.name for path in (tmp_path / "agent").iterdir()) == [
        "agent.json",
        "weights.safetensors",
    ]


def test_only_what_acts_is_saved(agent: Agent, tmp_path: Path) -> None:
    agent.save(tmp_path)
    from genpolicy.training.checkpoint import decode

    names = decode(tmp_path / "weights.safetensors").tensors
    assert {name.partition("/")[0] for name in names} == {"policy"}


def test_saving_again_replaces(agent: Agent, tmp_path: Path) -> None:
    agent.save(tmp_path)
    with torch.no_grad():
        for weight in agent.models.roles["policy"].parameters():
            weight.add_(0.1)
    agent.save(tmp_path)
    loaded = Agent.load(tmp_path)
    assert np.array_equal(agent.act(OBSERVATIONS, _noise()), loaded.act(OBSERVATIONS, _noise()))


def test_a_loaded_agent_is_in_the_mode_that_acts(agent: Agent, tmp_path: Path) -> None:
    agent.models.all()["policy"].train()
    agent.save(tmp_path)
    models = Agent.load(tmp_path).models.all().values()
    assert [module for model in models for module in model.modules() if module.training] == []


def test_a_device_is_named_as_everywhere(agent: Agent, tmp_path: Path) -> None:
    agent.save(tmp_path)
    best = "cuda" if torch.cuda.is_available() else "cpu"
    assert Agent.load(tmp_path, device="auto").device.type == best
    assert genpolicy.load(tmp_path, device=torch.device("cpu")).device.type == "cpu"
    with pytest.raises(OptionError, match="there is no device 'gpu'; this machine has cpu"):
        Agent.load(tmp_path, device="gpu")


def test_one_observation_gives_one_action_and_a_batch_a_batch(agent: Agent) -> None:
    alone = agent.act(OBSERVATIONS[0], _noise())
    assert alone.shape == (2,)
    assert alone.dtype == np.float32
    assert agent.act(OBSERVATIONS, _noise()).shape == (5, 2)
    # the first row of a batch is drawn from the same noise as a single one
    np.testing.assert_allclose(agent.act(OBSERVATIONS[:1], _noise())[0], alone, atol=1e-6)


def test_an_action_depends_on_its_own_observation(agent: Agent) -> None:
    changed = OBSERVATIONS.copy()
    changed[1:] += 1.0
    one, other = agent.act(OBSERVATIONS, _noise()), agent.act(changed, _noise())
    np.testing.assert_allclose(one[0], other[0], atol=1e-6)
    assert not np.allclose(one[1:], other[1:])


def test_lists_and_doubles_are_observations_too(agent: Agent) -> None:
    expected = agent.act(OBSERVATIONS[0], _noise())
    assert np.array_equal(agent.act(OBSERVATIONS[0].tolist(), _noise()), expected)
    assert np.array_equal(agent.act(OBSERVATIONS[0].astype(np.float64), _noise()), expected)


def test_actions_lie_inside_the_box(small_recipe: Maker, make_dataset: DataMaker) -> None:
    low, high = np.array([-0.1, 0.2], np.float32), np.array([0.1, 0.3], np.float32)
    data = make_dataset()
    data = attrs.evolve(
        data, action=np.clip(data.action, low, high), action_low=low, action_high=high
    )
    actions = _agent(small_recipe("bc"), data).act(np.zeros((200, 3)), _noise())
    assert (actions >= low).all()
    assert (actions <= high).all()
    assert (actions == low).any()  # they would have lain outside
    assert (actions == high).any()


def test_noise_is_the_generators_and_leaves_the_global_one_alone(agent: Agent) -> None:
    before = torch.get_rng_state()
    one, other = agent.act(OBSERVATIONS, _noise(1)), agent.act(OBSERVATIONS, _noise(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert not np.array_equal(one, other)
    torch.manual_seed(1)
    assert np.array_equal(agent.act(OBSERVATIONS), one)


@pytest.mark.parametrize("shape", [(4,), (5, 2), (1, 5, 3), ()])
def test_observations_of_another_shape_are_refused(agent: Agent, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        agent.act(np.zeros(shape))
    assert str(caught.value) == (
        f"this agent observes 3 numbers, alone or in rows; got an array of shape {shape}"
    )


def test_a_folder_without_an_agent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no agent \(agent\.json cannot be read: .*No"):
        Agent.load(tmp_path / "none")


@pytest.mark.parametrize("content", ['{"format": 1, "reci', "[]", "3", "\udcff"])
def test_a_description_that_is_cut_or_something_else_is_refused(
    agent: Agent, tmp_path: Path, content: str
) -> None:
    agent.save(tmp_path)
    (tmp_path / "agent.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(CheckpointError, match="holds no agent"):
        Agent.load(tmp_path)


def test_a_description_that_lacks_something_is_refused(agent: Agent, tmp_path: Path) -> None:
    agent.save(tmp_path)
    path = tmp_path / "agent.json"
    facts = json.loads(path.read_text())
    del facts["action_low"]
    path.write_text(json.dumps(facts))
    with pytest.raises(CheckpointError, match=r"holds no agent .*'action_low'"):
        Agent.load(tmp_path)


def test_a_newer_layout_is_refused_with_what_to_do(agent: Agent, tmp_path: Path) -> None:
    agent.save(tmp_path)
    _alter(tmp_path, format=3)
    with pytest.raises(CheckpointError) as caught:
        Agent.load(tmp_path)
    assert str(caught.value) == (
        f"the agent in {tmp_path} has layout 3, this program reads 2; upgrade genpolicy"
    )


@pytest.mark.parametrize("harm", ["cut", "altered", "missing"])
def test_damaged_weights_are_refused(agent: Agent, tmp_path: Path, harm: str) -> None:
    agent.save(tmp_path)
    path = tmp_path / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(content if harm == "altered" else content[:-9])
    with pytest.raises(
        CheckpointError, match="is missing or was altered since the agent was saved"
    ):
        Agent.load(tmp_path)


def test_weights_of_another_build_are_refused(agent: Agent, tmp_path: Path) -> None:
    agent.save(tmp_path)
    facts = json.loads((tmp_path / "agent.json").read_text())
    facts["recipe"]["parts"]["network"]["options"]["hidden"] = [9]
    _alter(tmp_path, recipe=facts["recipe"])
    with pytest.raises(CheckpointError, match="do not fit the installed part"):
        Agent.load(tmp_path)


def test_an_agent_whose_plugin_is_gone_says_which(
    agent: Agent, tmp_path: Path, catalogue: Catalogue
) -> None:
    agent.save(tmp_path)
    facts = json.loads((tmp_path / "agent.json").read_text())
    facts["recipe"]["parts"]["backbone"]["name"] = "genpolicy-drift/drift"
    _alter(tmp_path, recipe=facts["recipe"])
    with pytest.raises(UnknownPartError, match="needs the plugin genpolicy-drift, which is not"):
        Agent.load(tmp_path, catalogue=catalogue)


def test_a_disk_that_takes_no_agent_is_told(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match=r"the agent cannot be written to .*file"):
        agent.save(tmp_path / "file")


def test_actions_of_another_shape_are_refused(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "_act", lambda condition, generator: torch.zeros(1, 9))
    with pytest.raises(BrokenPartError, match=r"inference 'sample' returned actions of shape"):
        agent.act(np.zeros(agent.shapes.observation_dim))


def test_the_folder_of_its_run_is_as_good_as_its_own(agent: Agent, tmp_path: Path) -> None:
    agent.save(tmp_path / "run7" / "agent")
    loaded = genpolicy.load(tmp_path / "run7")
    assert np.array_equal(agent.act(OBSERVATIONS, _noise()), loaded.act(OBSERVATIONS, _noise()))


@pytest.mark.parametrize(
    ("given", "kind"), [({"observation": OBSERVATIONS[0]}, "dict"), ([[1.0], [1.0, 2.0]], "list")]
)
def test_what_is_no_array_is_refused_and_told_what_makes_one(
    given: Any, kind: str, agent: Agent
) -> None:
    with pytest.raises(UsageError, match=f"not a {kind}; genpolicy.evaluation.flatten makes one"):
        agent.act(given)


def test_its_repr_tells_its_sizes_and_parts(agent: Agent) -> None:
    told = repr(agent)
    assert told.startswith("<Agent: 3 observed numbers to actions of shape (2,); ")
    assert "objective=gmpo" in told
    assert "\n" not in told
