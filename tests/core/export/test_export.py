"""Exported agents act as the agents do that they were exported from."""

import json

import numpy as np
import onnxruntime
import pytest
import torch

from genpolicy.acting import draws_of
from genpolicy.backbone import Backbone
from genpolicy.composition.agent_recipe import BASES
from genpolicy.discovery.catalogue import load_catalogue
from genpolicy.errors import UsageError
from genpolicy.export import Layout, export, files, unroll

OBSERVATIONS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
BACKBONES = [
    part.spec.name
    for part in load_catalogue().parts("backbone")
    if part.distribution == "genpolicy"
]


def _default_solver(backbone):
    catalogue = load_catalogue()
    recipe = catalogue.load(catalogue.find("backbone", backbone), BASES["backbone"])
    return {"midpoint": "midpoint:2"}.get(recipe.default_solver, recipe.default_solver)


def _seeded():
    return torch.Generator().manual_seed(3)


def _agrees(agent, layout, act):
    """Whether exported actions are the agent's, whose noise is drawn as the agent draws it."""
    for rows in (1, 5):
        observation = OBSERVATIONS[:rows]
        noise = {k: x.numpy() for k, x in layout.take(rows, _seeded()).items()}
        found = act({"observation": observation, **noise})
        expected = agent.act(observation, _seeded())
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def _check(agent, folder, forms=("onnx", "torch")):
    layout = unroll(agent).layout
    for form in forms:
        export(agent, folder / form, form)
        _agrees(agent, layout, {"onnx": _by_onnx, "torch": _by_torch}[form](folder / form))


def _by_onnx(path):
    session = onnxruntime.InferenceSession(path)
    return lambda given: session.run(["action"], given)[0]


def _by_torch(path):
    return _by_program(torch.export.load(path))


def _by_program(program):
    module = program.module()
    return lambda given: module(*(torch.as_tensor(each) for each in given.values())).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_is_exported_with_its_default_solver(backbone, make_agent, tmp_path):
    agent = make_agent("bc", f"backbone={backbone}", f"solver={_default_solver(backbone)}")
    _check(agent, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["flow", "gaussian"])
def test_chunks_are_exported_in_the_environments_numbers(backbone, make_agent, tmp_path):
    solver = f"solver={_default_solver(backbone)}"
    _check(make_agent("bc", f"backbone={backbone}", solver, chunk=4), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        ("bc", "solver=ddpm:3"),
        ("bc", "solver=sde:2"),
        ("idql", "inference=best-of:3"),
        ("idql", "inference=best-of:3", "inference.choose=softmax"),
        ("idql", "inference=guidance", "solver=euler:2"),
        ("qgpo", "solver=euler:2"),
        ("bc", "solver=euler:2", "network=transformer", "network.width=8", "network.blocks=1"),
        ("bc", "solver=euler:2", "network=temporal-spatial-residual"),
    ],
    ids=" ".join,
)
def test_every_way_to_act_that_is_a_graph_is_unrolled(settings, make_agent):
    agent = make_agent(*settings)
    unrolled = unroll(agent)
    _agrees(agent, unrolled.layout, _by_program(unrolled.program))


def test_a_part_that_counts_rows_is_unrolled_row_by_row(make_agent, monkeypatch):
    def draw_noise(self, condition, generator=None):
        return torch.randn(len(condition), *self.sample_shape, generator=generator)

    monkeypatch.setattr(Backbone, "draw_noise", draw_noise)
    agent = make_agent("bc", "solver=euler:1")
    unrolled = unroll(agent)
    _agrees(agent, unrolled.layout, _by_program(unrolled.program))


@pytest.mark.slow
def test_a_file_says_what_it_takes_and_where_it_comes_from(make_agent, tmp_path):
    agent = make_agent("idql", "inference=best-of:3", "inference.choose=softmax", "solver=euler:1")
    facts = export(agent, tmp_path / "agent.onnx", "onnx")
    assert facts["inputs"] == {
        "observation": ["batch", 3],
        "noise": ["batch", 6],
        "uniform": ["batch", 1],
    }
    assert facts["output"] == {"action": ["batch", 2]}
    assert facts["draws"] == [
        {"input": "noise", "columns": [0, 6], "shape": ["batch", 3, 2]},
        {"input": "uniform", "columns": [0, 1], "shape": ["batch", 1, 1]},
    ]
    assert facts["run"] == "run7"
    assert facts["prior_std"] == agent.models.roles["behaviour"].prior_std
    session = onnxruntime.InferenceSession(tmp_path / "agent.onnx")
    held = session.get_modelmeta().custom_metadata_map
    assert held["run"] == "run7"
    assert {k: json.loads(held[k]) for k in ("inputs", "draws", "recipe")} == {
        k: json.loads(json.dumps(facts[k])) for k in ("inputs", "draws", "recipe")
    }
    assert [each.name for each in session.get_inputs()] == ["observation", "noise", "uniform"]
    export(agent, tmp_path / "agent.pt2", "torch")
    extra = {files.METADATA: ""}
    torch.export.load(tmp_path / "agent.pt2", extra_files=extra)
    assert json.loads(extra[files.METADATA]) == json.loads(json.dumps(facts))


@pytest.mark.parametrize("solver", ["dopri5", "torchdiffeq:rk4"])
def test_a_solver_that_chooses_its_steps_is_refused(solver, make_agent, tmp_path):
    name = solver.partition(":")[0]
    with pytest.raises(UsageError) as refusal:
        export(make_agent("bc", f"solver={solver}"), tmp_path / "agent.pt2", "torch")
    assert str(refusal.value) == (
        f"an agent that acts by inference 'sample' and solver '{name}' is no fixed graph: it reads "
        "values on its way, and what it does next depends on them; inference sample and a solver "
        "of fixed steps make one, such as --solver midpoint:10"
    )
    assert not [*tmp_path.iterdir()]


def test_a_format_that_is_none_is_refused(make_agent, tmp_path):
    with pytest.raises(UsageError, match=r"exported as onnx or torch; got 'pickle'"):
        export(make_agent("bc"), tmp_path / "agent", "pickle")


def test_without_onnx_it_says_how_to_get_it(make_agent, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(UsageError, match=r"the package onnxscript, which is not installed: pip"):
        export(make_agent("bc"), tmp_path / "agent.onnx", "onnx")


def test_a_disk_that_does_not_take_it_is_told_of(make_agent, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="the agent cannot be written to"):
        export(make_agent("bc", "solver=euler:1"), tmp_path / "file" / "agent.pt2", "torch")


def test_noise_for_all_rows_together_is_no_layout():
    def draws(rows, decide):
        return draws_of(decide, torch.zeros(rows, 3))

    for decide in (
        lambda x, generator: torch.randn(4, generator=generator),
        lambda x, generator: torch.randn(len(x) + 2, 2, generator=generator),
        lambda x, generator: torch.randn((), generator=generator),
    ):
        with pytest.raises(UsageError, match="it draws noise for all observations together"):
            Layout.of(draws(2, decide), draws(3, decide))
    with pytest.raises(UsageError, match="how often it draws noise depends on how many"):
        Layout.of(
            *(draws(n, lambda x, g: [torch.randn(1, generator=g) for _ in x]) for n in (2, 3))
        )
