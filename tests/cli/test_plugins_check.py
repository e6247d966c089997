"""``agent plugins check``: one line per check, and words for what cannot be checked."""

import numpy as np
import pytest

STRAIGHT = """
import attrs
import torch
from genpolicy import BackboneRecipe, NetworkRecipe, NetworkSpec, PartSpec, SampleSpec
from genpolicy import VelocityBackbone, hookimpl
from genpolicy.shapes import expand, sum_rows

class Model(VelocityBackbone):
    def __init__(self, sample_shape, network):
        super().__init__(sample_shape)
        self.network = network

    def field(self, condition):
        context = self.network.encode(condition)
        return lambda x_t, t: self.network(x_t, context, t)

    def matching_loss(self, sample, condition):
        t = torch.rand(len(sample), device=sample.device)
        noise = torch.randn_like(sample)
        x_t = expand(1 - t, sample) * noise + expand(t, sample) * sample
        loss = sum_rows((self.velocity(x_t, t, condition) - (sample - noise)) ** 2)
        return REDUCED

@attrs.frozen(kw_only=True)
class Straight(BackboneRecipe):
    def build(self, spec: SampleSpec, network: NetworkRecipe) -> Model:
        shapes = NetworkSpec(sample_shape=spec.sample_shape, condition_dim=spec.condition_dim)
        return Model(spec.sample_shape, network.build(shapes))

@hookimpl
def genpolicy_backbones():
    return [PartSpec(name="straight", summary="s", target="FILE:Straight")]
"""


@pytest.fixture
def straight(place):
    def write(stem, reduced):
        code = STRAIGHT.replace("REDUCED", reduced).replace("FILE", stem)
        (place / f"{stem}.py").write_text(code)
        return f"{stem}.py"

    return write


@pytest.mark.slow
def test_a_working_file_passes_every_check(agent, straight):
    done = agent("plugins", "check", straight("straight_well", "loss"))
    assert done.status == 0, done.out
    lines = done.out.splitlines()
    assert "ok       backbone straight: the loss is one finite number per row" in lines
    assert "ok       backbone straight: its density integrates to one" in lines
    assert not any("a jump in no time" in line for line in lines)  # it does not jump
    assert lines[-1].startswith("all well: 1 part(s), ")


@pytest.mark.slow
def test_what_fails_is_said_with_the_reason_why_it_matters(agent, straight):
    done = agent("plugins", "check", straight("straight_ill", "loss.mean().expand(len(loss))"))
    assert done.status == 3
    lines = done.out.splitlines()
    at = lines.index("FAILED   backbone straight: a rows loss is its own")
    assert "changing one row's sample changes the loss of others" in lines[at + 1]
    assert "it matters: The weight that an objective gives a row" in lines[at + 2]
    assert "checks failed" in done.err


def test_json_tells_the_same_and_what_does_not_concern_a_part(agent):
    done = agent("plugins", "check", "genpolicy", "--part", "pointmaze/umaze", "--json")
    assert done.status == 0, done.err
    assert {row["state"] for row in done.json} <= {"passed", "skipped", "not concerned", "expected"}
    assert {row["part"] for row in done.json} == {"pointmaze/umaze"}
    assert all(row["why"] for row in done.json)


def test_what_is_nothing_without_an_argument_is_skipped_in_words(agent):
    done = agent("plugins", "check", "genpolicy", "--part", "npz")
    assert done.status == 0
    assert "it is nothing without its option 'path'" in done.out


def test_options_name_what_defaults_do_not(agent, place):
    np.savez(
        place / "mine.npz",
        observation=np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32),
        action=np.zeros((64, 2), np.float32),
        reward=np.zeros(64, np.float32),
        terminal=np.arange(64) % 16 == 15,
    )
    named = ("plugins", "check", "genpolicy", "--kind", "dataset", "--part", "npz")
    done = agent(*named, "dataset.path=mine.npz", "--json")
    assert any(row["state"] == "passed" for row in done.json)
    done = agent(*named, "solver.steps=3")
    assert done.status == 2
    assert "'solver.steps' is no option of a part that is checked" in done.err
    done = agent(*named, "dataset.pth=mine.npz")
    assert done.status == 3
    assert "dataset npz has no option 'pth'; did you mean 'path'" in done.out


EXITS = """
import sys
import attrs
from genpolicy import DatasetRecipe, PartSpec, hookimpl

@attrs.frozen(kw_only=True)
class Exits(DatasetRecipe):
    def load(self):
        print("leaving")
        sys.exit(0)

@attrs.frozen(kw_only=True)
class Raises(DatasetRecipe):
    def __attrs_post_init__(self):
        raise KeyError("x")

    def load(self): ...

@hookimpl
def genpolicy_datasets():
    return [
        PartSpec(name="raises", summary="s", target="exits:Raises"),
        PartSpec(name="exits", summary="s", target="exits:Exits"),
    ]
"""


def test_a_part_that_raises_exits_or_prints_fails_its_checks_and_no_other(agent, place):
    (place / "exits.py").write_text(EXITS)
    done = agent("plugins", "check", "exits.py", "--json")
    assert done.status == 3
    rows = {(row["part"], row["state"]) for row in done.json}
    assert {("raises", "failed"), ("exits", "failed"), ("exits", "passed")} <= rows
    assert any("it called sys.exit(0)" in row["detail"] for row in done.json)
    assert any("KeyError" in row["detail"] for row in done.json)
    assert "leaving" in done.err


def test_a_distribution_that_is_not_installed_is_named(agent):
    done = agent("plugins", "check", "genpolicy-absent")
    assert done.status == 3
    assert "'genpolicy-absent' is installed: `pip install genpolicy-absent`" in done.err


def test_a_project_that_is_not_installed_says_how(agent, place):
    (place / "project").mkdir()
    done = agent("plugins", "check", "project")
    assert done.status == 2
    assert "is no project: it has no pyproject.toml" in done.err
    (place / "project/pyproject.toml").write_text('[project]\nname = "genpolicy_absent"\n')
    done = agent("plugins", "check", "project")
    assert done.status == 3
    assert "`pip install -e project`" in done.err
    (place / "project/pyproject.toml").write_text("[project]\n")
    assert "names no project" in agent("plugins", "check", "project").err


def test_a_folder_is_not_mistaken_for_the_copy_that_is_installed(agent, place):
    (place / "project").mkdir()
    (place / "project/pyproject.toml").write_text('[project]\nname = "genpolicy"\n')
    done = agent("plugins", "check", "project")
    assert done.status == 3
    assert "the genpolicy that is installed is not the project in 'project'" in done.err
    assert "there is no folder './nosuch'" in agent("plugins", "check", "./nosuch").err


def test_a_part_that_is_not_there_is_said_with_the_nearest(agent):
    done = agent("plugins", "check", "genpolicy", "--part", "flaw")
    assert done.status == 3
    assert "it has no part 'flaw'; did you mean 'flow'" in done.err
